# SPDX-License-Identifier: Apache-2.0
"""The names that may stand in a file beside our own options, because OpenStack's libraries or Nova know them.

A list and not a question to oslo.messaging, whose import costs a third of a second and some megabytes. It was made once
from what `list_opts` of each entry point in the group `oslo.config.opts` returns, old names included: of Nova 26.3 and
34.0 with oslo.log 5.2 and 8.3, oslo.service, oslo.concurrency and the other libraries beside them, and of
oslo.messaging 14.2, 14.9, 16.1, 17.1, 18.2 and 18.3. The program warns of a name that only a later release has,
and goes on.
"""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


DEFAULT = _names(
    """
    allow_resize_to_same_host amqp_auto_delete api_paste_config arq_binding_timeout backdoor_port backdoor_socket
    block_device_allocate_retries block_device_allocate_retries_interval cell_worker_thread_pool_size cert
    client_socket_timeout compute_driver compute_monitors concurrency_backend config_dir config_drive_format
    config_drive_skip_versions config_file config_source conn_pool_min_size conn_pool_ttl console_allowed_origins
    console_host console_token_ttl control_exchange cpu_allocation_ratio daemon db_backend dbapi_use_tpool debug
    default_access_ip_network_name default_availability_zone default_ephemeral_format default_green_pool_size
    default_log_levels default_notification_level default_schedule_zone default_thread_pool_size dhcp_domain
    disable_process_locking disk_allocation_ratio enable_instance_password enable_new_services enabled_apis
    enabled_ssl_apis executor_thread_pool_size fatal_deprecations flat_injected force_config_drive force_raw_images
    graceful_shutdown_timeout heal_instance_info_cache_interval host image_cache_manager_interval
    image_cache_subdirectory_name initial_cpu_allocation_ratio initial_disk_allocation_ratio
    initial_ram_allocation_ratio injected_network_template instance_build_timeout instance_delete_interval
    instance_format instance_name_template instance_usage_audit instance_usage_audit_period instance_uuid_format
    instances_path internal_service_availability_zone key kombu_reconnect_delay live_migration_retry_count lock_path
    log_color log_config log_config_append log_date_format log_dir log_file log_options log_rotate_interval
    log_rotate_interval_type log_rotation_type logdir logfile logging_context_format_string
    logging_debug_format_suffix logging_default_format_string logging_exception_prefix logging_user_identity_format
    long_rpc_timeout manager_shutdown_timeout max_concurrent_builds max_concurrent_live_migrations
    max_concurrent_snapshots max_header_line max_local_block_devices max_logfile_count max_logfile_size_mb
    max_request_body_size maximum_instance_delete_attempts metadata_cache_expiration metadata_listen
    metadata_listen_port metadata_workers migrate_max_retries mkisofs_cmd my_block_storage_ip my_ip
    my_shared_fs_storage_ip network_allocate_retries neutron_default_tenant_id non_inheritable_image_properties
    notification_driver notification_format notification_topics notification_transport_url notify_on_state_change
    novncproxy_base_url novncproxy_host novncproxy_port osapi_compute_link_prefix osapi_compute_listen
    osapi_compute_listen_port osapi_compute_unique_server_name_scope osapi_compute_workers osapi_glance_link_prefix
    osapi_max_limit osapi_max_request_body_size password_length pci_alias periodic_enable periodic_fuzzy_delay
    pointer_model policy_default_rule policy_dirs policy_file preallocate_images publish_errors pybasedir
    quota_cores quota_injected_file_content_bytes quota_injected_file_path_length quota_injected_files
    quota_instances quota_key_pairs quota_metadata_items quota_ram quota_server_group_members quota_server_groups
    rabbit_ha_queues rabbit_login_method rabbit_retry_backoff ram_allocation_ratio rate_limit_burst
    rate_limit_except_level rate_limit_interval reboot_timeout reclaim_instance_interval record
    reimage_timeout_per_gb remove_unused_base_images remove_unused_original_minimum_age_seconds report_interval
    rescue_timeout reserved_host_cpus reserved_host_disk_mb reserved_host_memory_mb reserved_huge_pages
    resize_confirm_window resize_fs_using_block_device resume_guests_state_on_host_boot rootwrap_config
    rpc_conn_pool_size rpc_ping_enabled rpc_response_timeout rpc_thread_pool_size run_external_periodic_tasks
    running_deleted_instance_action running_deleted_instance_poll_interval running_deleted_instance_timeout
    scheduler_instance_sync_interval secure_proxy_ssl_header service_down_time servicegroup_driver
    shelved_offload_time shelved_poll_interval shutdown_timeout source_is_ipv6 sql_connection sql_connection_debug
    sql_connection_trace sql_max_overflow sql_max_retries sql_retry_interval sqlite_synchronous ssl_ca_file
    ssl_cert_file ssl_key_file ssl_only stale_share_access_reconcile_interval state_path sync_power_state_interval
    sync_power_state_pool_size syslog_log_facility tcp_keepidle tempdir thread_pool_statistic_period timeout_nbd
    transport_url update_resources_interval use_cow_images use_eventlog use_forwarded_for use_journal use_json
    use_neutron_default_nets use_rootwrap_daemon use_stderr use_syslog vcpu_pin_set
    vendordata_dynamic_connect_timeout vendordata_dynamic_read_timeout vendordata_dynamic_ssl_certfile
    vendordata_dynamic_targets vendordata_jsonfile_path vendordata_providers vif_plugging_is_fatal
    vif_plugging_timeout virt_mkfs vnc_enabled volume_usage_poll_interval watch_log_file web wsgi_default_pool_size
    wsgi_keep_alive wsgi_log_format wsgi_server_debug
    """
)
"""Options of [DEFAULT]."""

MESSAGING = _names(
    """
    conn_pool_min_size conn_pool_ttl control_exchange executor_thread_pool_size rpc_conn_pool_size rpc_ping_enabled
    rpc_response_timeout rpc_thread_pool_size transport_url
    """
)
"""Those of them that are oslo.messaging's."""

LOG = _names(
    """
    default_log_levels fatal_deprecations instance_format instance_uuid_format log_color log_config log_config_append
    log_date_format log_dir log_file log_rotate_interval log_rotate_interval_type log_rotation_type logdir logfile
    logging_context_format_string logging_debug_format_suffix logging_default_format_string logging_exception_prefix
    logging_user_identity_format max_logfile_count max_logfile_size_mb publish_errors rate_limit_burst
    rate_limit_except_level rate_limit_interval syslog_log_facility use_eventlog use_journal use_json use_stderr
    use_syslog watch_log_file
    """
)
"""Those of them that are oslo.log's, without `debug`, which is an option of ours."""

RABBIT = _names(
    """
    amqp_auto_delete amqp_durable_queues conn_pool_min_size conn_pool_ttl direct_mandatory_flag
    enable_cancel_on_failover heartbeat_in_pthread heartbeat_rate heartbeat_timeout_threshold hostname
    kombu_compression kombu_failover_strategy kombu_missing_consumer_retry_timeout kombu_reconnect_delay
    kombu_reconnect_splay kombu_reconnect_timeout kombu_ssl_ca_certs kombu_ssl_certfile kombu_ssl_keyfile
    kombu_ssl_version processname rabbit_ha_queues rabbit_interval_max rabbit_login_method rabbit_qos_prefetch_count
    rabbit_quorum_delivery_limit rabbit_quorum_max_memory_bytes rabbit_quorum_max_memory_length rabbit_quorum_queue
    rabbit_quroum_max_memory_bytes rabbit_quroum_max_memory_length rabbit_retry_backoff rabbit_retry_interval
    rabbit_stream_fanout rabbit_transient_queues_ttl rabbit_transient_quorum_queue rabbit_use_ssl rpc_conn_pool_size
    ssl ssl_ca_file ssl_cert_file ssl_enforce_fips_mode ssl_enforce_hostname_verification ssl_key_file ssl_version
    use_queue_manager
    """
)
"""Options of [oslo_messaging_rabbit]."""

NOTIFICATIONS = _names(
    """
    driver retry topics transport_url
    """
)
"""Options of [oslo_messaging_notifications]."""

GROUPS = _names(
    """
    agent amqp1 api api_database barbican barbican_service_user cache cinder compute conductor console consoleauth
    cors cyborg database devices ephemeral_storage_encryption filter_scheduler glance glance_store guestfs
    healthcheck hyperv image_cache ironic key_manager keymgr keystone libvirt manila metrics mks neutron
    notifications os_brick os_vif_linux_bridge os_vif_ovs oslo_concurrency oslo_limit oslo_messaging_amqp
    oslo_messaging_kafka oslo_messaging_metrics oslo_messaging_notifications oslo_messaging_rabbit oslo_middleware
    oslo_middleware_tracing oslo_policy oslo_reports oslo_versionedobjects pci placement privsep profiler
    profiler_jaeger profiler_otlp quota rdp remote_debug rpc_notifier2 scheduler serial_console service_user spice
    sql ssl upgrade_levels vault vendordata_dynamic_auth vif_plug_linux_bridge vif_plug_ovs vmware vnc workarounds
    wsgi zvm
    """
)
"""Groups of nova.conf: none of these names is a slip of one of ours."""
