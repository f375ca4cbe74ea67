{{/* Who reaches whom: parts of NetworkPolicies. */}}

{{/* Rules of ports and of those they are to or from. Takes {"peers": …, "ports": list of numbers, "protocols": …}. */}}
{{- define "sluicegate.ports" -}}
ports:
  {{- $protocols := .protocols | default (list "TCP") }}
  {{- range $port := .ports }}
  {{- range $protocols }}
  - {port: {{ int $port }}, protocol: {{ . }}}
  {{- end }}
  {{- end }}
{{- end }}

{{/* Networks that are nobody's but ours (RFC 1918, RFC 6598, RFC 4193). */}}
{{- define "sluicegate.privatePeers" -}}
- ipBlock: {cidr: 10.0.0.0/8}
- ipBlock: {cidr: 172.16.0.0/12}
- ipBlock: {cidr: 192.168.0.0/16}
- ipBlock: {cidr: 100.64.0.0/10}
- ipBlock: {cidr: "fc00::/7"}
{{- end }}

{{/* All others, but for those of IANA's special-purpose registries: link-local, and with it the metadata service
     (169.254.169.254; over IPv6 fd00:ec2::254), is among them. 168.63.129.16 is public and Azure's own. */}}
{{- define "sluicegate.publicPeers" -}}
- ipBlock:
    cidr: 0.0.0.0/0
    except:
      - 0.0.0.0/8
      - 10.0.0.0/8
      - 100.64.0.0/10
      - 127.0.0.0/8
      - 168.63.129.16/32
      - 169.254.0.0/16
      - 172.16.0.0/12
      - 192.0.0.0/24
      - 192.168.0.0/16
      - 198.18.0.0/15
      - 224.0.0.0/3
- ipBlock:
    cidr: "2000::/3"
{{- end }}

{{/* Egress that every pod with a store needs: names and PostgreSQL. */}}
{{- define "sluicegate.storeEgress" -}}
{{- if .Values.networkPolicy.egress.dns }}
- to: {{- toYaml .Values.networkPolicy.egress.dns | nindent 4 }}
  {{- include "sluicegate.ports" (dict "ports" (list 53) "protocols" (list "UDP" "TCP")) | nindent 2 }}
{{- end }}
- to:
    {{- with .Values.networkPolicy.egress.database }}
    {{- toYaml . | nindent 4 }}
    {{- else }}
    {{- include "sluicegate.privatePeers" . | nindent 4 }}
    {{- end }}
  {{- include "sluicegate.ports" (dict "ports" (list .Values.database.port)) | nindent 2 }}
{{- end }}

{{/* A peer: pods of this release, by component. Takes {"root": $, "component": …}. */}}
{{- define "sluicegate.ourPods" -}}
- podSelector:
    matchLabels: {{- include "sluicegate.selector" . | nindent 6 }}
{{- end }}
