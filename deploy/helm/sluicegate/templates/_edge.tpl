{{/* The edge: who is believed about a client's address, and what speaks TLS to it. */}}

{{/* Fails where clients come through a balancer that nobody has named. Takes {"root": $, "because": the value}. */}}
{{- define "sluicegate.needTrustedProxies" -}}
{{- if not .root.Values.gateway.trustedProxies }}
{{- fail (printf "gateway.trustedProxies: expected the balancer's networks, with %s; found none" .because) }}
{{- end }}
{{- end }}

{{/* Fails where everybody would be believed. The largest networks that are anybody's own are 10.0.0.0/8 and fc00::/7;
     below ::/16 is IPv4 in the form of IPv6. */}}
{{- define "sluicegate.refuseEverybody" -}}
{{- range .Values.gateway.trustedProxies }}
{{- if regexMatch (contains ":" . | ternary "(/[0-6]|^::.*/([0-9]|[1-9][0-9]|10[0-3]))$" "/[0-7]$") . }}
{{- fail (printf "gateway.trustedProxies: %s is nobody's balancer: every client could choose its address" .) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Annotations by which a controller finds a certificate without a Secret of the Ingress. Takes the annotations. */}}
{{- define "sluicegate.edgeCertificate" -}}
{{- range list
      "alb.ingress.kubernetes.io/certificate-arn"
      "networking.gke.io/managed-certificates"
      "ingress.gcp.kubernetes.io/pre-shared-cert"
      "networking.gke.io/certmap"
      "appgw.ingress.kubernetes.io/appgw-ssl-certificate"
      "kubernetes.azure.com/tls-cert-keyvault-uri" }}
{{- if hasKey ($ | default dict) . }}{{ . }}{{ end }}
{{- end }}
{{- end }}

{{/* What both ports speak: `https` or `http`. */}}
{{- define "sluicegate.scheme" -}}
{{- if include "sluicegate.tlsOn" . }}https{{ else }}http{{ end }}
{{- end }}

{{/* ingress-nginx does not look at appProtocol: without this it would speak plain HTTP to a port with TLS
     (kubernetes.github.io/ingress-nginx, "Annotations", "Backend Protocol"). */}}
{{- define "sluicegate.nginxAnnotations" -}}
{{- if and (eq .Values.ingress.className "nginx") (include "sluicegate.tlsOn" .) -}}
nginx.ingress.kubernetes.io/backend-protocol: HTTPS
{{- end -}}
{{- end }}
