{{/* Values that are each right, and do not go together. */}}
{{- define "irqaffinity.refuseContradictions" -}}
{{- $broker := .Values.endpoints.oslo_messaging -}}
{{- $url := get (.Values.conf.irqaffinity.DEFAULT | default dict) "transport_url" -}}
{{- $overrides := get (.Values.conf.overrides | default dict) "irqaffinity_agent" | default dict -}}
{{- range concat ($overrides.labels | default list) ($overrides.hosts | default list) -}}
{{-   $url = or $url (get (get (.conf.irqaffinity | default dict) "DEFAULT" | default dict) "transport_url") -}}
{{- end -}}
{{- if and $broker.existing_secret.name (or $url $broker.auth.irqaffinity.password) -}}
{{-   fail "endpoints.oslo_messaging.existing_secret.name is set, and so is a password or a DEFAULT.transport_url in conf: remove one, for only one broker can be meant" -}}
{{- end -}}
{{- if and $broker.existing_relay_secret.name $broker.auth.irqaffinity_relay.password -}}
{{-   fail "endpoints.oslo_messaging.existing_relay_secret.name is set, and so is auth.irqaffinity_relay.password: remove one, for only one user can be meant" -}}
{{- end -}}
{{- range $name, $folder := .Values.conf.irqaffinity.host -}}
{{-   if regexMatch "^/(proc|sys)(/|$)" $folder -}}
{{-     fail (printf "conf.irqaffinity.host.%s is %s, which is the pod's own: name another folder, such as /host/%s" $name $folder $name) -}}
{{-   end -}}
{{- end -}}
{{- $made := dict -}}
{{- include "irqaffinity.agents" (list . $made) -}}
{{- range $made.agents -}}
{{-   $conf := .Values.conf.irqaffinity -}}
{{-   $housekeeping := get (get $conf "isolation" | default dict) "housekeeping_cpus" -}}
{{-   if and (include "irqaffinity.isEnforced" .) (not (or $housekeeping (get (get $conf "placement" | default dict) "dedicated_cpus"))) -}}
{{-     fail "conf.irqaffinity.isolation.mode is enforce, and nothing says which CPUs do the host's work: set isolation.housekeeping_cpus or placement.dedicated_cpus too" -}}
{{-   end -}}
{{-   $apply := include "irqaffinity.applies" . -}}
{{-   if and $apply (not .Values.host.sriov.apply) -}}
{{-     fail (printf "conf.irqaffinity.sriov.apply is %s, and the pods may set no virtual functions: set host.sriov.apply too" $apply) -}}
{{-   end -}}
{{- end -}}
{{- if and .Values.tls.client_certificate (not .Values.tls.oslo_messaging) -}}
{{-   fail "tls.client_certificate is set without tls.oslo_messaging: set both, for a certificate is shown over TLS alone" -}}
{{- end -}}
{{- range $manifest := list "pod_monitor" "service_metrics" "prometheus_rule" "configmap_dashboard" -}}
{{-   if and (get $.Values.manifests $manifest) (not $.Values.conf.irqaffinity.metrics.enabled) -}}
{{-     fail (printf "manifests.%s is set, and there are no metrics: set conf.irqaffinity.metrics.enabled too" $manifest) -}}
{{-   end -}}
{{- end -}}
{{- if .Values.manifests.deployment_relay -}}
{{-   $relay := or $broker.existing_relay_secret.name $broker.auth.irqaffinity_relay.password -}}
{{-   if not (or $relay (include "irqaffinity.hasBroker" .)) -}}
{{-     fail "manifests.deployment_relay is set, and no broker is: set endpoints.oslo_messaging.auth.irqaffinity_relay.password or existing_relay_secret" -}}
{{-   end -}}
{{- end -}}
{{- end }}

{{/* When an agent makes virtual functions what its configuration says: `start` or `watch`; nothing where it does not. */}}
{{- define "irqaffinity.applies" -}}
{{- $apply := get (get .Values.conf.irqaffinity "sriov" | default dict) "apply" -}}
{{- has $apply (list "start" "watch") | ternary $apply "" -}}
{{- end }}

{{/* Something where a broker is named for the agents. */}}
{{- define "irqaffinity.hasBroker" -}}
{{- $broker := .Values.endpoints.oslo_messaging -}}
{{- $conf := .Values.conf.irqaffinity -}}
{{- $named := or $broker.auth.irqaffinity.password $broker.existing_secret.name .Values.nova_config.secret -}}
{{- $written := or (get ($conf.DEFAULT | default dict) "transport_url") (get ($conf.oslo_messaging_notifications | default dict) "transport_url") -}}
{{- or $named $written | empty | ternary "" "yes" -}}
{{- end }}
