{{/* What things are called: names, labels, the image. */}}

{{- define "irqaffinity.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{/* Room is left for "-metrics", "-check" and "-dashboard". */}}
{{- define "irqaffinity.fullname" -}}
{{- $name := include "irqaffinity.name" . -}}
{{- $both := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- .Values.fullnameOverride | default $both | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{/* Room is left for "-metrics". */}}
{{- define "irqaffinity.relayName" -}}
{{- include "irqaffinity.fullname" . | trunc 49 | trimSuffix "-" }}-relay
{{- end }}

{{/* The labels by which pods are found; those of a DaemonSet can never be changed. Takes (list . component). */}}
{{- define "irqaffinity.selector" -}}
{{- $component := index . 1 -}}
{{- with index . 0 -}}
app.kubernetes.io/name: {{ include "irqaffinity.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
application: irqaffinity
component: {{ $component }}
{{- end }}
{{- end }}

{{/* The labels of every object. Takes (list . component). */}}
{{- define "irqaffinity.labels" -}}
{{ include "irqaffinity.selector" . }}
{{- with index . 0 }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
release_group: {{ .Values.release_group | default .Release.Name }}
{{- end }}
{{- end }}

{{- define "irqaffinity.image" -}}
{{- $image := .Values.images.tags.irqaffinity -}}
{{- if regexMatch "[:@]" (base $image) -}}
{{ $image }}
{{- else -}}
{{ $image }}:{{ .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* Tells the pods of one override from those of another. The agent of all nodes has none, for what a DaemonSet selects
can never be changed. */}}
{{- define "irqaffinity.overrideLabel" -}}
{{- with .agent.title -}}
irqaffinity/override: {{ . | sha256sum | trunc 8 | quote }}
{{- end }}
{{- end }}

{{/* The components that there are, as JSON: agent, and relay where it is made. */}}
{{- define "irqaffinity.components" -}}
{{- .Values.manifests.deployment_relay | ternary (list "agent" "relay") (list "agent") | toJson -}}
{{- end }}

{{/* The name of a component's objects. Takes (list . component). */}}
{{- define "irqaffinity.componentName" -}}
{{- include (eq (index . 1) "relay" | ternary "irqaffinity.relayName" "irqaffinity.fullname") (index . 0) -}}
{{- end }}
