package cluster

import (
	"os"
	"os/exec"
	"strings"

	"moneybank/k8s/tests/kit"
)

// script runs k8s/deploy or k8s/undeploy against the plane.
func (p *Plane) script(name string, settings ...string) (string, error) {
	command := exec.Command(kit.At("k8s", name))
	command.Env = append(append(os.Environ(), "KUBECONFIG="+p.kubeconfig, "PUSH=no", "TAG=1"), settings...)
	output, err := command.CombinedOutput()
	return string(output), err
}

func deploySaysWhatIsMissing(p *Plane) {
	image, url := "IMAGE=registry/bank", "URL=https://bank.example.com"
	helm := "HELM=--set networkPolicy.ingressNamespaces={ingress} "
	for _, row := range []struct {
		settings []string
		missing  string
	}{
		{[]string{"IMAGE="}, "IMAGE: where the application is pushed"},
		{[]string{image, "ENV=production"}, `ENV is dev, staging or prod, not "production"`},
		{[]string{image, "URL=bank.example.com"}, "URL is https://HOST"},
		{[]string{image, "KUBECONFIG=/none"}, "a cluster that answers"},
		{[]string{image, "HELM=--set executor.runtimeClassName=none-such"}, "the RuntimeClass none-such"},
		{[]string{image, url, helm}, "an ingress class that is the default"},
		{[]string{image, url, helm + "--set ingress.className=none-such"}, "the ingress class none-such"},
		{[]string{image, url, helm, "ENV=prod"}, "the issuer letsencrypt-production"},
		{[]string{image, url, "CONTROLLER=apache"}, `CONTROLLER is one of gateway-envoy`},
		{[]string{image, url, "CONTROLLER=traefik"}, "the ingress class traefik"},
		{[]string{image, "HELM=--set redis.password.source=existing --set redis.password.secretName=none-such"},
			"the Secret none-such with the key password"},
	} {
		output, err := p.script("deploy", row.settings...)
		if err == nil {
			p.Errorf("%v: it deploys", row.settings)
		} else if err := kit.Missing(output, "Nothing was changed. Missing:", row.missing); err != nil {
			p.Errorf("%v: %v", row.settings, err)
		}
	}
}

func deployInstallsAndUndeployLeavesTheMoney(p *Plane) {
	// As if nobody had applied the manifests before.
	p.kubectl("delete", "-k", kit.At("k8s/manifests/dev"))
	output, err := p.script("deploy", "IMAGE=registry/bank", "HELM=--set settings.logLevel=warn")
	if err != nil || !strings.HasSuffix(output, "Money Bank is at http://bank.money-bank-dev.svc, inside the cluster\n") {
		p.Fatalf("%v\n%s", err, output)
	}
	if image := p.runs("money-bank-dev", 1)[0].Spec.Containers[0].Image; image != "registry/bank:1" {
		p.Errorf("it runs %s", image)
	}
	output, err = p.script("undeploy")
	if err != nil || kit.Missing(output, "data-bank-redis-0") != nil {
		p.Errorf("%v\n%s", err, output)
	}
}

func deploySaysWhenThereIsNoSpinKube(p *Plane) {
	p.kubectl("delete", "crd", "spinapps.core.spinkube.dev", "spinappexecutors.core.spinkube.dev", "certificates.cert-manager.io", "clusterissuers.cert-manager.io")
	kit.Eventually(p, "the kinds are gone", func() error {
		output, err := p.script("deploy", "IMAGE=registry/bank", "ENV=prod", "URL=https://bank.example.com",
			"HELM=--set networkPolicy.ingressNamespaces={ingress}")
		if err == nil {
			p.Fatal("it deploys")
		}
		return kit.Missing(output, "SpinKube: https://", "cert-manager: https://", "an ingress class that is the default")
	})
}
