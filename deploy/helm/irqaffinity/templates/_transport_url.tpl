{{/* The broker, as openstack-helm's endpoints name it. */}}

{{/* Text for the user's part of a URL, where a plus sign is no space. */}}
{{- define "irqaffinity.escape" -}}
{{- . | toString | urlquery | replace "+" "%20" -}}
{{- end }}

{{/* The nodes of the broker as a JSON list of host:port. */}}
{{- define "irqaffinity.brokerNodes" -}}
{{- $broker := .Values.endpoints.oslo_messaging -}}
{{- $port := $broker.port.amqp.default | toString -}}
{{- $given := $broker.host_fqdn_override.default -}}
{{- $given = kindIs "map" $given | ternary (list (get (kindIs "map" $given | ternary $given dict) "host")) $given -}}
{{- $names := kindIs "slice" $given | ternary $given (list $given) | compact -}}
{{- if not $names -}}
{{-   $names = list $broker.hosts.default -}}
{{-   if not (regexMatch "^[0-9]+(\\.[0-9]+){3}$" $broker.hosts.default) -}}
{{-     $domain := printf "%s.svc.%s" ($broker.namespace | default .Release.Namespace) .Values.endpoints.cluster_domain_suffix -}}
{{-     $service := printf "%s.%s" $broker.hosts.default $domain -}}
{{-     $names = list $service -}}
{{-     if $broker.statefulset -}}
{{-       $names = list -}}
{{-       range $number := until (int $broker.statefulset.replicas) -}}
{{-         $names = append $names (printf "%s-%d.%s" $broker.statefulset.name $number $service) -}}
{{-       end -}}
{{-     end -}}
{{-   end -}}
{{- end -}}
{{- $nodes := list -}}
{{- range $names -}}
{{-   $nodes = append $nodes (regexMatch ":[0-9]+$" . | ternary . (printf "%s:%s" . $port)) -}}
{{- end -}}
{{- $nodes | toJson -}}
{{- end }}

{{/* The transport_url that the endpoints describe; empty without a password. Takes (list . user). */}}
{{- define "irqaffinity.transportUrl" -}}
{{- $root := index . 0 -}}
{{- $broker := $root.Values.endpoints.oslo_messaging -}}
{{- $user := get $broker.auth (index . 1) -}}
{{- if and $user.password (or (ne (index . 1) "irqaffinity") (not $broker.existing_secret.name)) -}}
{{-   $nodes := list -}}
{{-   $login := printf "%s:%s" (include "irqaffinity.escape" $user.username) (include "irqaffinity.escape" $user.password) -}}
{{-   range include "irqaffinity.brokerNodes" $root | fromJsonArray -}}
{{-     $nodes = append $nodes (printf "%s@%s" $login .) -}}
{{-   end -}}
{{-   printf "%s://%s%s" $broker.scheme (join "," $nodes) $broker.path -}}
{{- end -}}
{{- end }}
