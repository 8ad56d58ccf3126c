{{/* What the relay's pods alone have. */}}

{{/* The broker's user is its own where one is named, else that of the agents. */}}
{{- define "irqaffinity.relayEnvironment" -}}
{{- include "irqaffinity.metricsEnvironment" . }}
{{- with .Values.endpoints.oslo_messaging }}
{{- if include "irqaffinity.relayHasOwnUser" $ }}
{{- include "irqaffinity.brokerEnvironment" .existing_relay_secret }}
{{- else }}
{{- include "irqaffinity.brokerEnvironment" .existing_secret }}
{{- end }}
{{- end }}
{{- end }}

{{/* Keeps pods of one component apart, as pod.affinity.anti says. Takes (list . component). */}}
{{- define "irqaffinity.antiAffinity" -}}
{{- $component := index . 1 -}}
{{- with (index . 0).Values.pod.affinity.anti -}}
{{- $type := get .type $component | default .type.default -}}
{{- $key := get .topologyKey $component | default .topologyKey.default -}}
{{- $weight := get (.weight | default dict) $component | default (get (.weight | default dict) "default") | default 10 -}}
{{- $labels := include "irqaffinity.selector" (list (index $ 0) $component) | fromYaml -}}
{{- $term := dict "labelSelector" (dict "matchLabels" $labels) "topologyKey" $key -}}
{{- if hasPrefix "preferred" $type }}{{ $term = dict "podAffinityTerm" $term "weight" $weight }}{{ end -}}
podAntiAffinity:
  {{ $type }}:
    - {{- toYaml $term | nindent 6 }}
{{- end }}
{{- end }}
