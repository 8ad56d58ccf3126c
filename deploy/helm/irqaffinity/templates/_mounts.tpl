{{/* What the pods see of their host, and of Secrets. */}}

{{/* The folders of the host's /sys that are read, as JSON: the rest of it, such as cgroups, debugfs and efivars, is not
there. What a link leads to is below one of these, for the kernel's links are relative. */}}
{{- define "irqaffinity.sysFolders" -}}
{{- list "bus" "class" "devices" "kernel/irq" "module" | toJson -}}
{{- end }}

{{/* A mount of a folder of the host is read-only on the surface alone; since Kubernetes 1.31 also what the host has
mounted below it. */}}
{{- define "irqaffinity.readOnly" -}}
readOnly: true
{{- if semverCompare ">=1.31-0" .Capabilities.KubeVersion.Version }}
recursiveReadOnly: IfPossible
{{- end }}
{{- end }}

{{/* Something where an agent moves the host's own interrupts too. */}}
{{- define "irqaffinity.isEnforced" -}}
{{- eq (get (get .Values.conf.irqaffinity "isolation" | default dict) "mode" | toString) "enforce" | ternary "yes" "" -}}
{{- end }}

{{/* The folder of irqbalance's socket, for an agent that tells irqbalance what to leave alone; nothing for others. */}}
{{- define "irqaffinity.irqbalance" -}}
{{- $tells := get (get .Values.conf.irqaffinity "isolation" | default dict) "irqbalance" | toString | ne "false" -}}
{{- if and (include "irqaffinity.isEnforced" .) $tells }}{{ .Values.host.irqbalance }}{{ end -}}
{{- end }}

{{/* Something where the pods can tell who uses virtual functions. Who sets these has to know that too. */}}
{{- define "irqaffinity.seesFunctions" -}}
{{- or .Values.host.sriov.inventory .Values.host.sriov.apply | ternary "yes" "" -}}
{{- end }}

{{/* Something where the pods see the processes of the host. */}}
{{- define "irqaffinity.seesProcesses" -}}
{{- or .Values.host.processes (include "irqaffinity.seesFunctions" .) | empty | ternary "" "yes" -}}
{{- end }}

{{- define "irqaffinity.volumeMounts" -}}
- name: etc
  mountPath: /etc/irqaffinity
  readOnly: true
- name: run
  mountPath: /run/irqaffinity
- name: state
  mountPath: /var/lib/irqaffinity
{{- $host := .Values.conf.irqaffinity.host }}
{{- if include "irqaffinity.seesProcesses" . }}
- name: proc
  mountPath: {{ $host.proc }}
  {{- include "irqaffinity.readOnly" . | nindent 2 }}
{{- end }}
- name: proc-irq
  mountPath: {{ $host.proc }}/irq
{{- range include "irqaffinity.sysFolders" . | fromJsonArray }}
- name: sys-{{ replace "/" "-" . }}
  mountPath: {{ $host.sys }}/{{ . }}
  {{- if not (and (eq . "devices") $.Values.host.sriov.apply) }}
  {{- include "irqaffinity.readOnly" $ | nindent 2 }}
  {{- end }}
{{- end }}
{{- if .Values.host.tracefs.enabled }}
- name: tracefs
  mountPath: {{ $host.sys }}/kernel/tracing
  {{- include "irqaffinity.readOnly" . | nindent 2 }}
- name: tracefs-instances
  mountPath: {{ $host.sys }}/kernel/tracing/instances
{{- end }}
{{- if .Values.host.debugfs }}
- name: debugfs
  mountPath: {{ $host.sys }}/kernel/debug/irq/domains
  {{- include "irqaffinity.readOnly" . | nindent 2 }}
{{- end }}
{{- if include "irqaffinity.irqbalance" . }}
- name: irqbalance
  mountPath: /run/irqbalance
  readOnly: true
{{- end }}
- name: libvirt
  mountPath: {{ .Values.host.libvirt.path }}
  mountPropagation: HostToContainer
  readOnly: true
{{- if .Values.host.machine_id }}
- name: machine-id
  mountPath: /etc/machine-id
  readOnly: true
{{- end }}
{{- include "irqaffinity.novaMount" . }}
{{- include "irqaffinity.tlsMount" . }}
{{- with .Values.pod.mounts.irqaffinity.irqaffinity.volumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "irqaffinity.volumes" -}}
- name: etc
  secret:
    secretName: {{ include "irqaffinity.agentSecret" . }}
    defaultMode: 0400
{{- include "irqaffinity.hostPath" (list "run" "/run/irqaffinity" "DirectoryOrCreate") }}
{{- include "irqaffinity.hostPath" (list "state" .Values.host.state "DirectoryOrCreate") }}
{{- if include "irqaffinity.seesProcesses" . }}
{{- include "irqaffinity.hostPath" (list "proc" "/proc" "Directory") }}
{{- end }}
{{- include "irqaffinity.hostPath" (list "proc-irq" "/proc/irq" "Directory") }}
{{- range include "irqaffinity.sysFolders" . | fromJsonArray }}
{{- include "irqaffinity.hostPath" (list (printf "sys-%s" (replace "/" "-" .)) (printf "/sys/%s" .) "Directory") }}
{{- end }}
{{- with .Values.host.tracefs }}
{{- if .enabled }}
{{- include "irqaffinity.hostPath" (list "tracefs" .path "Directory") }}
{{- include "irqaffinity.hostPath" (list "tracefs-instances" (printf "%s/instances" .path) "Directory") }}
{{- end }}
{{- end }}
{{- if .Values.host.debugfs }}
{{- include "irqaffinity.hostPath" (list "debugfs" "/sys/kernel/debug/irq/domains" "Directory") }}
{{- end }}
{{- with include "irqaffinity.irqbalance" . }}
{{- include "irqaffinity.hostPath" (list "irqbalance" . "DirectoryOrCreate") }}
{{- end }}
{{- include "irqaffinity.hostPath" (list "libvirt" .Values.host.libvirt.path "DirectoryOrCreate") }}
{{- with .Values.host.machine_id }}
{{- include "irqaffinity.hostPath" (list "machine-id" . "File") }}
{{- end }}
{{- include "irqaffinity.novaVolume" (list . "0400") }}
{{- include "irqaffinity.tlsVolume" (list . "0400" "irqaffinity") }}
{{- with .Values.pod.mounts.irqaffinity.irqaffinity.volumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A volume. Takes (list name path type). */}}
{{- define "irqaffinity.hostPath" }}
- name: {{ index . 0 }}
  hostPath:
    path: {{ index . 1 }}
    type: {{ index . 2 }}
{{- end }}

{{- define "irqaffinity.novaMount" -}}
{{- if .Values.nova_config.secret }}
- name: nova-config
  mountPath: /etc/nova
  readOnly: true
{{- end }}
{{- end }}

{{/* Nova's own Secret, of which one file is mounted. Takes (list . mode). */}}
{{- define "irqaffinity.novaVolume" -}}
{{- $mode := index . 1 -}}
{{- with (index . 0).Values.nova_config }}
{{- if .secret }}
- name: nova-config
  secret:
    secretName: {{ .secret }}
    defaultMode: {{ $mode }}
    items:
      - key: {{ .key }}
        path: nova.conf
{{- end }}
{{- end }}
{{- end }}

{{- define "irqaffinity.tlsMount" -}}
{{- if .Values.tls.oslo_messaging }}
- name: broker-tls
  mountPath: /etc/rabbitmq/certs
  readOnly: true
{{- end }}
{{- end }}

{{/* Of the Secret the authority alone, unless a certificate is shown: the key in it may be the broker's own. Nova's own
configuration may name all of its files. Takes (list . mode user). */}}
{{- define "irqaffinity.tlsVolume" -}}
{{- $mode := index . 1 -}}
{{- $user := index . 2 -}}
{{- with (index . 0).Values }}
{{- if .tls.oslo_messaging }}
{{- $auth := .endpoints.oslo_messaging.auth }}
- name: broker-tls
  secret:
    secretName: {{ (get $auth $user).secret.tls.internal | default $auth.irqaffinity.secret.tls.internal }}
    defaultMode: {{ $mode }}
    {{- if not (or .tls.client_certificate .nova_config.secret) }}
    items:
      - key: ca.crt
        path: ca.crt
    {{- end }}
{{- end }}
{{- end }}
{{- end }}
