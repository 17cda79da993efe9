package local

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"moneybank/k8s/tests/kit"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const host = "bank.example.com"

// site is what a controller makes of an Ingress, or of a Gateway and its routes.
type site struct {
	host, secret, path, hsts, snippet string
	redirects                         bool
}

// fromIngress reads an Ingress as F5's NGINX Ingress Controller does.
func (c *Cluster) fromIngress() site {
	ingress := kit.Into[networkingv1.Ingress](c, kit.Find(c, c.objects, "Ingress", "bank"))
	rule, annotations := ingress.Spec.Rules[0], ingress.Annotations
	read := site{host: rule.Host, path: rule.HTTP.Paths[0].Path, secret: ingress.Spec.TLS[0].SecretName,
		redirects: annotations["ingress.kubernetes.io/ssl-redirect"] == "true", snippet: c.nginxConfig()["http-snippets"]}
	if annotations["nginx.org/hsts"] == "true" {
		read.hsts = "max-age=" + annotations["nginx.org/hsts-max-age"]
	}
	return read
}

// nginxConfig reads the controller's own ConfigMap from controllers/nginx.yaml.
func (c *Cluster) nginxConfig() map[string]string {
	c.Helper()
	comment := regexp.MustCompile("(?m)^#   .*$").FindAllString(kit.Read(c, "k8s/chart/controllers/nginx.yaml"), -1)
	var documented struct {
		Controller struct {
			Config struct{ Entries map[string]string }
		}
	}
	if err := yaml.UnmarshalStrict([]byte(strings.ReplaceAll(strings.Join(comment, "\n"), "#   ", "")), &documented); err != nil {
		c.Fatal(err)
	}
	if len(documented.Controller.Config.Entries) == 0 {
		c.Fatal("controllers/nginx.yaml says nothing of the controller's ConfigMap")
	}
	return documented.Controller.Config.Entries
}

// fromGateway reads the Gateway and its two routes.
func (c *Cluster) fromGateway() site {
	field := func(object unstructured.Unstructured, path ...string) map[string]any {
		list, _, _ := unstructured.NestedSlice(object.Object, path...)
		return list[0].(map[string]any)
	}
	route := field(kit.Find(c, c.objects, "HTTPRoute", "bank"), "spec", "rules")
	set := route["filters"].([]any)[0].(map[string]any)["responseHeaderModifier"].(map[string]any)["set"].([]any)[0].(map[string]any)
	redirect := field(kit.Find(c, c.objects, "HTTPRoute", "bank-redirect"), "spec", "rules")["filters"].([]any)[0].(map[string]any)
	listeners, _, _ := unstructured.NestedSlice(kit.Find(c, c.objects, "Gateway", "bank").Object, "spec", "listeners")
	https := listeners[1].(map[string]any)
	if set["name"] != "strict-transport-security" {
		c.Fatal(set)
	}
	return site{host: https["hostname"].(string), hsts: set["value"].(string),
		path:      route["matches"].([]any)[0].(map[string]any)["path"].(map[string]any)["value"].(string),
		secret:    https["tls"].(map[string]any)["certificateRefs"].([]any)[0].(map[string]any)["name"].(string),
		redirects: redirect["requestRedirect"].(map[string]any)["scheme"] == "https"}
}

// nginx starts NGINX for the site, in front of a bank, until the test ends; http and https are its addresses.
func (c *Cluster) nginx(site site, bank string) (http, https string) {
	c.Helper()
	for key, file := range map[string]string{"tls.crt": "/tls.crt", "tls.key": "/tls.key"} {
		text, _ := c.secret(&corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: site.secret}, Key: key})
		kit.Write(c, c.folder+file, text)
	}
	http, https = kit.FreeAddress(c), kit.FreeAddress(c)
	redirect, hsts := "", ""
	if site.redirects {
		redirect = "return 301 https://$host$request_uri;"
	}
	if site.hsts != "" {
		hsts = fmt.Sprintf("add_header Strict-Transport-Security %q always;", site.hsts)
	}
	config := fmt.Sprintf(`
daemon off; master_process off; pid nginx.pid; error_log stderr;
events {}
http {
  access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  %s
  upstream bank { server %s; keepalive 16; }
  server { listen %s; server_name %s; %s }
  server {
    listen %s ssl; server_name %s;
    ssl_certificate tls.crt; ssl_certificate_key tls.key;
    %s
    location %s { proxy_pass http://bank; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; }
  }
}
`, site.snippet, strings.TrimPrefix(bank, "http://"), http, site.host, redirect, https, site.host, hsts, site.path)
	process := kit.Start(c, "nginx", nil, "nginx", "-p", c.folder, "-e", "stderr", "-c", kit.Write(c, c.folder+"/nginx.conf", config))
	kit.Eventually(c, "nginx serves", func() error {
		if err := process.Runs(); err != nil {
			c.Fatal(err)
		}
		connection, err := net.Dial("tcp", https)
		if err == nil {
			connection.Close()
		}
		return err
	})
	return http, https
}

// browser is a client that trusts the rendered certificate and resolves the host to an address. It follows no redirect.
func (c *Cluster) browser(site site, address string) *http.Client {
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM([]byte(kit.Read(c, c.folder+"/tls.crt"))) {
		c.Fatal("no certificate")
	}
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	return &http.Client{
		Transport:     &http.Transport{DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: trusted, ServerName: site.host}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func TestTheBankIsReachedOverTLSAndNoOtherWay(t *testing.T) {
	selfSigned := []string{"--set", "tls.mode=selfSigned"}
	for name, arguments := range map[string][]string{
		"Ingress": append([]string{"--values", kit.Chart + "/controllers/nginx.yaml"}, selfSigned...),
		"Gateway": append([]string{"--set", "ingress.enabled=false,gateway.enabled=true,gateway.className=nginx"}, selfSigned...),
	} {
		t.Run(name, func(t *testing.T) {
			cluster := rendered(t, arguments...)
			cluster.startRedis()
			site := map[string]func() site{"Ingress": cluster.fromIngress, "Gateway": cluster.fromGateway}[name]()
			plain, secure := cluster.nginx(site, cluster.startBank())

			redirect := get(t, cluster.browser(site, plain), "http://"+host+"/v1/wallet?at=0", "user-id").is(t, http.StatusMovedPermanently)
			if to := redirect.header.Get("location"); to != "https://"+host+"/v1/wallet?at=0" {
				t.Errorf("http leads to %q", to)
			}
			client := cluster.browser(site, secure)
			for _, path := range []string{"/readyz", "/no-such-page"} {
				if hsts := get(t, client, "https://"+host+path, "user-id").header.Get("strict-transport-security"); hsts != "max-age=31536000" {
					t.Errorf("%s: strict-transport-security is %q", path, hsts)
				}
			}
			for _, identity := range []string{"user-id", "x-user-id"} {
				deposit(t, client, "https://"+host, identity).is(t, 200)
			}
			// NGINX drops the header unless its own ConfigMap says otherwise.
			if site.snippet != "" {
				deposit(t, client, "https://"+host, "user_id").is(t, 200)
				// Not `errors`: NGINX itself refuses a body over its own limit, with an answer of its own.
				cluster.suites(unwrapped(t, client), "idempotency", "identity", "wallet", "history")
			} else {
				deposit(t, client, "https://"+host, "user_id").is(t, 401)
			}
		})
	}
}

// unwrapped forwards the suites' plain HTTP through the browser's TLS.
func unwrapped(t *testing.T, client *http.Client) string {
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(request *httputil.ProxyRequest) { request.SetURL(&url.URL{Scheme: "https", Host: host}) },
		Transport: client.Transport,
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL
}
