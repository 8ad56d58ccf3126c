{{/* What the pods of the agents, of the test and of the relay have in common. `who` is irqaffinity or relay. */}}

{{/* Where the pods run, as whom, and in which network. Takes (list . who labels), labels being key and value of the
nodes. */}}
{{- define "irqaffinity.podPlace" -}}
{{- $who := index . 1 -}}
{{- $label := index . 2 -}}
{{- with index . 0 -}}
serviceAccountName: {{ .Values.manifests.service_account | ternary (include "irqaffinity.fullname" .) "default" }}
automountServiceAccountToken: false
enableServiceLinks: false
nodeSelector:
  {{ $label.node_selector_key }}: {{ $label.node_selector_value | quote }}
{{- $wanted := get .Values.pod.tolerations $who }}
{{- with concat (.Values.tolerations | default list) ($wanted.enabled | ternary $wanted.tolerations list) }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with get (.Values.pod.priorityClassName | default dict) $who }}
priorityClassName: {{ . }}
{{- end }}
{{- with get (.Values.pod.runtimeClassName | default dict) $who }}
runtimeClassName: {{ . }}
{{- end }}
{{- with .Values.images.pull_secrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- $isAgents := eq $who "irqaffinity" }}
{{- $hostNetwork := or (get .Values.pod.useHostNetwork $who) (and $isAgents (include "irqaffinity.seesFunctions" .)) | empty | not }}
hostNetwork: {{ $hostNetwork }}
dnsPolicy: {{ $hostNetwork | ternary "ClusterFirstWithHostNet" "ClusterFirst" }}
securityContext:
  {{- toYaml (get .Values.pod.security_context $who).pod | nindent 2 }}
{{- end }}
{{- end }}

{{/* More labels of the pods. What is no text is none, such as helm-toolkit's include_app_kubernetes_io. */}}
{{- define "irqaffinity.moreLabels" -}}
{{- range $name, $value := .Values.pod.labels }}
{{- if kindIs "string" $value }}
{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* The security context of a container, with the capabilities that virtual functions need. Takes (list . who). */}}
{{- define "irqaffinity.securityContext" -}}
{{- $who := index . 1 -}}
{{- with index . 0 -}}
{{- $context := deepCopy (get (get .Values.pod.security_context $who).container $who) -}}
{{- if and (eq $who "irqaffinity") (include "irqaffinity.seesFunctions" .) -}}
{{-   $capabilities := get $context "capabilities" | default dict -}}
{{-   $needed := .Values.host.sriov.apply | ternary (list "NET_ADMIN" "SYS_PTRACE") (list "SYS_PTRACE") -}}
{{-   $_ := set $capabilities "add" (concat (get $capabilities "add" | default list) $needed | uniq) -}}
{{-   $_ := set $context "capabilities" $capabilities -}}
{{- end -}}
{{- toYaml $context -}}
{{- end -}}
{{- end }}

{{/* What every container has: its image, its rights, its resources. Takes (list . who). */}}
{{- define "irqaffinity.anyContainer" -}}
{{- $who := index . 1 -}}
{{- with index . 0 -}}
image: {{ include "irqaffinity.image" . }}
imagePullPolicy: {{ .Values.images.pull_policy }}
securityContext:
  {{- include "irqaffinity.securityContext" (list . $who) | nindent 2 }}
{{- if .Values.pod.resources.enabled }}
resources:
  {{- toYaml (get .Values.pod.resources $who) | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{/* What containers that see the host have besides. */}}
{{- define "irqaffinity.container" -}}
{{ include "irqaffinity.anyContainer" (list . "irqaffinity") }}
{{- with include "irqaffinity.environment" . | trim }}
env:
  {{- . | nindent 2 }}
{{- end }}
volumeMounts:
  {{- include "irqaffinity.volumeMounts" . | nindent 2 }}
{{- end }}

{{/* The arguments to the entry point of the image. Takes (list command has_nova_config). */}}
{{- define "irqaffinity.arguments" -}}
{{- index . 1 | ternary (list "--nova-config" "/etc/nova/nova.conf" (index . 0)) (list (index . 0)) | toJson -}}
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
{{- include "irqaffinity.metricsEnvironment" . }}
{{- include "irqaffinity.brokerEnvironment" .Values.endpoints.oslo_messaging.existing_secret }}
{{- end }}

{{- define "irqaffinity.metricsEnvironment" -}}
{{- if .Values.conf.irqaffinity.metrics.enabled }}
- name: OS_METRICS__BIND
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
{{- end }}
{{- end }}

{{/* Takes the name and the key of a Secret; nothing without a name. */}}
{{- define "irqaffinity.brokerEnvironment" -}}
{{- if .name }}
- name: OS_DEFAULT__TRANSPORT_URL
  valueFrom:
    secretKeyRef:
      name: {{ .name }}
      key: {{ .key }}
{{- end }}
{{- end }}

{{- define "irqaffinity.metricsPort" -}}
{{- if .Values.conf.irqaffinity.metrics.enabled -}}
ports:
  - name: metrics
    containerPort: {{ .Values.conf.irqaffinity.metrics.port }}
    protocol: TCP
{{- end }}
{{- end }}
