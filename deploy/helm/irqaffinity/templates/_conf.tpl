{{/* The file irqaffinity.conf. */}}

{{/* What is written for one option, without its name. A value of several lines goes on in indented ones. */}}
{{- define "irqaffinity.value" -}}
{{- if kindIs "string" . -}}
{{ . | trim | replace "\n" "\n  " }}
{{- else if kindIs "slice" . -}}
{{- $items := list -}}
{{- range . }}{{ $items = append $items (include "irqaffinity.value" .) }}{{ end -}}
{{ join "," $items }}
{{- else -}}
{{ toJson . | replace "$" "$$" }}
{{- end -}}
{{- end }}

{{/* All lines of one option. Takes (list name value). */}}
{{- define "irqaffinity.option" -}}
{{- $name := index . 0 -}}
{{- $value := index . 1 -}}
{{- $lines := list $value -}}
{{- if kindIs "map" $value -}}
{{-   if and (hasKey $value "type") (hasKey $value "values") -}}
{{-     $lines = eq $value.type "multistring" | ternary $value.values (list $value.values) -}}
{{-   else if eq $name "flavor_masks" -}}
{{-     $masks := list -}}
{{-     range $flavor, $mask := $value }}{{ $masks = append $masks (printf "%s:\"%s\"" $flavor $mask) }}{{ end -}}
{{-     $lines = list (join "," $masks) -}}
{{-   end -}}
{{- else if and (kindIs "slice" $value) (has $name (list "device_spec" "profile" "pf")) -}}
{{-   $lines = $value -}}
{{- end -}}
{{- range $lines }}
{{ $name }} = {{ include "irqaffinity.value" . }}
{{- end -}}
{{- end }}

{{/* The lines of all groups. Takes a map of groups, options and values. */}}
{{- define "irqaffinity.file" -}}
# Made by the chart irqaffinity: change its values, and not this.
{{- range $group, $options := . }}

[{{ $group }}]
{{- range $name, $value := $options }}
{{- if not (kindIs "invalid" $value) }}
{{- include "irqaffinity.option" (list $name $value) }}
{{- end }}
{{- end }}
{{- end }}
{{ end }}

{{/* Where the log is told what to do when `conf.logging` says so, as JSON by group and option. */}}
{{- define "irqaffinity.logConf" -}}
{{- .Values.conf.logging | empty | ternary dict (dict "DEFAULT" (dict "log_config_append" "/etc/irqaffinity/logging.conf")) | toJson -}}
{{- end }}

{{/* How the broker is reached, as other values say it, as JSON by group and option. Takes (list . user). */}}
{{- define "irqaffinity.brokerConf" -}}
{{- $filled := dict -}}
{{- with include "irqaffinity.transportUrl" . }}{{ $_ := set $filled "DEFAULT" (dict "transport_url" .) }}{{ end -}}
{{- with index . 0 -}}
{{- if .Values.tls.oslo_messaging -}}
{{-   $tls := dict "ssl" true "ssl_ca_file" "/etc/rabbitmq/certs/ca.crt" -}}
{{-   if .Values.tls.client_certificate -}}
{{-     $_ := set $tls "ssl_cert_file" "/etc/rabbitmq/certs/tls.crt" -}}
{{-     $_ := set $tls "ssl_key_file" "/etc/rabbitmq/certs/tls.key" -}}
{{-   end -}}
{{-   $_ := set $filled "oslo_messaging_rabbit" $tls -}}
{{- end -}}
{{- end -}}
{{- $filled | toJson -}}
{{- end }}

{{/* Puts options into a map of groups, over those that it has. Takes (list map groups). */}}
{{- define "irqaffinity.putOver" -}}
{{- $conf := index . 0 -}}
{{- range $group, $options := index . 1 -}}
{{-   $all := dict -}}
{{-   range $name, $value := get $conf $group | default dict }}{{ $_ := set $all $name $value }}{{ end -}}
{{-   range $name, $value := $options }}{{ $_ := set $all $name $value }}{{ end -}}
{{-   $_ := set $conf $group $all -}}
{{- end -}}
{{- end }}

{{/* The file of an agent. */}}
{{- define "irqaffinity.conf" -}}
{{- $conf := include "irqaffinity.brokerConf" (list . "irqaffinity") | fromJson -}}
{{- $uri := printf "qemu+unix:///system?socket=%s/%s" .Values.host.libvirt.path .Values.host.libvirt.socket -}}
{{- $_ := set $conf "libvirt" (dict "uri" $uri) -}}
{{- if .Values.manifests.deployment_relay }}{{ $_ := set $conf "notifications" (dict "source" "relay") }}{{ end -}}
{{- if include "irqaffinity.isEnforced" . -}}
{{-   $folder := dict "irqbalance_sockets" "/run/irqbalance" -}}
{{-   $_ := set $conf "isolation" (.Values.host.irqbalance | empty | ternary (dict "irqbalance" false) $folder) -}}
{{- end -}}
{{- include "irqaffinity.putOver" (list $conf (include "irqaffinity.logConf" . | fromJson)) -}}
{{- include "irqaffinity.putOver" (list $conf .Values.conf.irqaffinity) -}}
{{- include "irqaffinity.file" $conf -}}
{{- end }}

{{/* The file of a relay: of `conf` what concerns the broker, its messages and the metrics. */}}
{{- define "irqaffinity.relayConf" -}}
{{- $conf := include "irqaffinity.brokerConf" (list . (include "irqaffinity.relayUser" .)) | fromJson -}}
{{- $groups := pick .Values.conf.irqaffinity "notifications" "metrics" "oslo_messaging_rabbit" "oslo_messaging_notifications" -}}
{{- $default := omit (.Values.conf.irqaffinity.DEFAULT | default dict) "host" -}}
{{- if include "irqaffinity.relayHasOwnUser" . -}}
{{-   $default = omit $default "transport_url" -}}
{{-   $_ := set $groups "oslo_messaging_notifications" (omit ($groups.oslo_messaging_notifications | default dict) "transport_url") -}}
{{- end -}}
{{- $_ := set $groups "DEFAULT" $default -}}
{{- include "irqaffinity.putOver" (list $conf (include "irqaffinity.logConf" . | fromJson)) -}}
{{- include "irqaffinity.putOver" (list $conf $groups) -}}
{{- include "irqaffinity.file" $conf -}}
{{- end }}

{{/* Something where the relay has a broker's user of its own. */}}
{{- define "irqaffinity.relayHasOwnUser" -}}
{{- $broker := .Values.endpoints.oslo_messaging -}}
{{- or $broker.existing_relay_secret.name $broker.auth.irqaffinity_relay.password | empty | ternary "" "yes" -}}
{{- end }}

{{- define "irqaffinity.relayUser" -}}
{{- include "irqaffinity.relayHasOwnUser" . | empty | ternary "irqaffinity" "irqaffinity_relay" -}}
{{- end }}
