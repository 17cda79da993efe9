//go:build all

package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"

	"moneybank/k8s/tests/kit"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const host = "bank.example.com"

// The ports on which Traefik listens in its own chart, by those of its Service.
var traefikPorts = map[string]string{"80": "8000", "443": "8443"}

// traefikKinds applies what Traefik's own chart brings: its kinds, those of the Gateway API, and its two classes.
func (p *Plane) traefikKinds() {
	p.Helper()
	p.kubectl("apply", "--server-side", "-f", filepath.Join(kit.Module(p, "github.com/traefik/traefik/v3@v3.5.3"),
		"docs/content/reference/dynamic-configuration/kubernetes-crd-definition-v1.yml"))
	p.kubectl("apply", "--server-side", "-f", filepath.Join(kit.Module(p, "sigs.k8s.io/gateway-api@v1.6.3"), "config/crd/standard"))
	p.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
	p.kubectl("apply", "-f", kit.Write(p, p.TempDir()+"/classes.yaml", `
{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: traefik}, spec: {controller: traefik.io/ingress-controller}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: traefik}, spec: {controllerName: traefik.io/gateway-controller}}
`))
}

// throughTraefik installs the chart, runs a bank at its pod's address, and sends requests as users do.
func (p *Plane) throughTraefik(namespace string, arguments []string) {
	p.Helper()
	p.namespace(namespace)
	p.install(namespace, kit.Chart, append([]string{"--values", kit.Values("prod"), "--set", "host=" + host,
		"--set", "tls.mode=selfSigned,autoscaling.enabled=false,replicas=1,auth.mode=header,auth.trustGateway=true,auth.gatewayPods.app=traefik"}, arguments...)...)
	// Traefik would take two routes with the same host for one.
	p.Cleanup(func() { p.helm("uninstall", "bank", "--namespace", namespace) })
	pod := p.runs(namespace, 1)[0]
	bank := kit.Start(p, "bank-"+namespace, nil, kit.At("target/native/bank"), "up", "--state-dir", p.TempDir(), "--listen", pod.Status.PodIP+":80")
	proxy := kit.Start(p, "traefik-"+namespace, []string{"KUBECONFIG=" + p.kubeconfig}, kit.Tool("traefik"),
		"--providers.kubernetesingress", "--providers.kubernetescrd", "--providers.kubernetesgateway",
		// Started as its own chart starts it.
		"--entrypoints.web.address=127.0.0.1:"+traefikPorts["80"], "--entrypoints.websecure.address=127.0.0.1:"+traefikPorts["443"],
		"--entrypoints.websecure.http.tls=true",
		"--global.checknewversion=false", "--global.sendanonymoususage=false", "--log.level=INFO")
	ask := requester(p.browser(namespace))
	kit.Eventually(p, "https works", func() error {
		for _, process := range []*kit.Process{bank, proxy} {
			if err := process.Runs(); err != nil {
				p.Fatal(err)
			}
		}
		answer, text, err := ask(http.MethodGet, "https://"+host+"/readyz", "user_id", "")
		if err == nil && answer.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s %s", answer.Status, text)
		}
		return err
	})
	p.servesUsers(ask)
}

// servesUsers deposits as users do, once for each spelling of the identity's header.
func (p *Plane) servesUsers(ask func(method, url, identity, body string) (*http.Response, string, error)) {
	p.Helper()
	for _, identity := range []string{"user_id", "user-id", "x-user-id"} {
		answer, text, err := ask(http.MethodPost, "https://"+host+"/v1/deposit", identity, `{"amount":"10.50"}`)
		if err != nil || answer.StatusCode != http.StatusOK {
			p.Errorf("a deposit with %s: %v %v %s", identity, err, answer, text)
			continue
		}
		if hsts := answer.Header.Get("strict-transport-security"); !strings.HasPrefix(hsts, "max-age=31536000") {
			p.Errorf("strict-transport-security is %q", hsts)
		}
	}
	answer, text, err := ask(http.MethodPost, "http://"+host+"/v1/deposit?a=b", "user_id", `{"amount":"10.50"}`)
	if err != nil {
		p.Fatal(err)
	}
	if to := answer.Header.Get("location"); answer.StatusCode != 301 && answer.StatusCode != 308 || to != "https://"+host+"/v1/deposit?a=b" {
		p.Errorf("over http: %s to %q: %s", answer.Status, to, text)
	}
}

// requester returns a function that sends a request of the user "traefik", named in the header that it is given.
func requester(browser *http.Client) func(method, url, identity, body string) (*http.Response, string, error) {
	return func(method, url, identity, body string) (*http.Response, string, error) {
		request, err := http.NewRequest(method, url, strings.NewReader(body))
		if err != nil {
			return nil, "", err
		}
		request.Header["content-type"] = []string{"application/json"}
		// The map keeps the name as it is written. Go's Set would make it User_id.
		request.Header[identity] = []string{"traefik"}
		answer, err := browser.Do(request)
		if err != nil {
			return nil, "", err
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		return answer, string(text), err
	}
}

// browser is a client that trusts the chart's certificate and resolves the host to this machine. It follows no redirect.
func (p *Plane) browser(namespace string) *http.Client {
	p.Helper()
	secret, err := p.CoreV1().Secrets(namespace).Get(p.Context(), "bank-tls", metav1.GetOptions{})
	if err != nil {
		p.Fatal(err)
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(secret.Data["tls.crt"]) {
		p.Fatal("no certificate")
	}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+traefikPorts[port])
	}
	return &http.Client{
		Transport:     &http.Transport{DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: trusted, ServerName: host}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
