{{/* What the pods of the agent and of the test have in common. */}}

{{/* Where the pods run, as whom, and in which network. */}}
{{- define "irqaffinity.podPlace" -}}
serviceAccountName: {{ .Values.manifests.service_account | ternary (include "irqaffinity.fullname" .) "default" }}
automountServiceAccountToken: false
enableServiceLinks: false
nodeSelector:
  {{- with .Values.labels.agent.irqaffinity }}
  {{ .node_selector_key }}: {{ .node_selector_value | quote }}
  {{- end }}
{{- if .Values.pod.tolerations.irqaffinity.enabled }}
tolerations:
  {{- toYaml .Values.pod.tolerations.irqaffinity.tolerations | nindent 2 }}
{{- end }}
{{- with .Values.pod.priorityClassName.irqaffinity }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.images.pull_secrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
hostNetwork: {{ .Values.pod.useHostNetwork.irqaffinity }}
dnsPolicy: {{ .Values.pod.useHostNetwork.irqaffinity | ternary "ClusterFirstWithHostNet" "ClusterFirst" }}
securityContext:
  {{- toYaml .Values.pod.security_context.irqaffinity.pod | nindent 2 }}
{{- end }}

{{/* What every container has: its image, its rights, its environment, its mounts. */}}
{{- define "irqaffinity.container" -}}
image: {{ include "irqaffinity.image" . }}
imagePullPolicy: {{ .Values.images.pull_policy }}
securityContext:
  {{- toYaml .Values.pod.security_context.irqaffinity.container.irqaffinity | nindent 2 }}
{{- if .Values.pod.resources.enabled }}
resources:
  {{- toYaml .Values.pod.resources.irqaffinity | nindent 2 }}
{{- end }}
{{- with include "irqaffinity.environment" . | trim }}
env:
  {{- . | nindent 2 }}
{{- end }}
volumeMounts:
  {{- include "irqaffinity.volumeMounts" . | nindent 2 }}
{{- end }}

{{/* Options that are another value in each pod, or that stand in a Secret of somebody else: oslo.config reads them from
OS_GROUP__OPTION, before the file. */}}
{{- define "irqaffinity.environment" -}}
{{- if and .Values.host.name (not (get (.Values.conf.irqaffinity.DEFAULT | default dict) "host")) }}
- name: NODE_NAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
- name: OS_DEFAULT__HOST
  value: {{ .Values.host.name | quote }}
{{- end }}
{{- if .Values.conf.irqaffinity.metrics.enabled }}
- name: OS_METRICS__BIND
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
{{- end }}
{{- with .Values.endpoints.oslo_messaging.existing_secret }}
{{- if .name }}
- name: OS_DEFAULT__TRANSPORT_URL
  valueFrom:
    secretKeyRef:
      name: {{ .name }}
      key: {{ .key }}
{{- end }}
{{- end }}
{{- end }}

{{/* A mount of a folder of the host is read-only on the surface alone; since Kubernetes 1.31 also what the host has
mounted below it. */}}
{{- define "irqaffinity.readOnly" -}}
readOnly: true
{{- if semverCompare ">=1.31-0" .Capabilities.KubeVersion.Version }}
recursiveReadOnly: IfPossible
{{- end }}
{{- end }}

{{- define "irqaffinity.volumeMounts" -}}
- name: etc
  mountPath: /etc/irqaffinity
  readOnly: true
- name: run
  mountPath: /run/irqaffinity
- name: state
  mountPath: /var/lib/irqaffinity
{{- if .Values.host.processes }}
- name: proc
  mountPath: {{ .Values.conf.irqaffinity.host.proc }}
  {{- include "irqaffinity.readOnly" . | nindent 2 }}
{{- end }}
- name: proc-irq
  mountPath: {{ .Values.conf.irqaffinity.host.proc }}/irq
- name: sys
  mountPath: {{ .Values.conf.irqaffinity.host.sys }}
  {{- include "irqaffinity.readOnly" . | nindent 2 }}
{{- if .Values.host.tracefs.enabled }}
- name: tracefs
  mountPath: {{ .Values.conf.irqaffinity.host.sys }}/kernel/tracing
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
{{- if .Values.tls.oslo_messaging }}
- name: broker-tls
  mountPath: /etc/rabbitmq/certs
  readOnly: true
{{- end }}
{{- with .Values.pod.mounts.irqaffinity.irqaffinity.volumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "irqaffinity.volumes" -}}
- name: etc
  secret:
    secretName: {{ include "irqaffinity.secret" . }}
    defaultMode: 0400
- name: run
  hostPath:
    path: /run/irqaffinity
    type: DirectoryOrCreate
- name: state
  hostPath:
    path: {{ .Values.host.state }}
    type: DirectoryOrCreate
{{- if .Values.host.processes }}
- name: proc
  hostPath:
    path: /proc
    type: Directory
{{- end }}
- name: proc-irq
  hostPath:
    path: /proc/irq
    type: Directory
- name: sys
  hostPath:
    path: /sys
    type: Directory
{{- if .Values.host.tracefs.enabled }}
- name: tracefs
  hostPath:
    path: {{ .Values.host.tracefs.path }}
    type: Directory
{{- end }}
- name: libvirt
  hostPath:
    path: {{ .Values.host.libvirt.path }}
    type: DirectoryOrCreate
{{- if .Values.host.machine_id }}
- name: machine-id
  hostPath:
    path: {{ .Values.host.machine_id }}
    type: File
{{- end }}
{{- if .Values.tls.oslo_messaging }}
- name: broker-tls
  secret:
    secretName: {{ .Values.endpoints.oslo_messaging.auth.irqaffinity.secret.tls.internal }}
    defaultMode: 0400
{{- end }}
{{- with .Values.pod.mounts.irqaffinity.irqaffinity.volumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
