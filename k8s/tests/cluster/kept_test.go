package cluster

import (
	"fmt"
	"strings"

	"moneybank/k8s/tests/kit"
)

// refusedUpgrade fails the test unless Helm refuses the upgrade with these words.
func (p *Plane) refusedUpgrade(namespace, values string, words ...string) {
	p.Helper()
	output, err := p.try("upgrade", "bank", kit.Chart, "--namespace", namespace, "--set", values)
	if err == nil {
		p.Errorf("%s is accepted", values)
	} else if err := kit.Missing(output, words...); err != nil {
		p.Errorf("%s: %v", values, err)
	}
}

// Helm deletes what it no longer renders. It must keep the serving certificate, and the password of a Redis that has money.
func aSecretThatTheChartMadeIsNotDeleted(p *Plane) {
	namespace := p.namespace("kept")
	p.install(namespace, kit.Chart, "--set", "tls.mode=selfSigned")
	p.runs(namespace, 1)
	before, certificate := p.kept(namespace), p.certificate(namespace)
	for secret, values := range map[string]string{
		// As an older chart made it.
		"bank-redis": "tls.mode=selfSigned,redis.password.source=existing,redis.password.secretName=bank-redis",
		"bank-tls":   "tls.mode=secret,tls.secretName=bank-tls",
	} {
		annotate := []string{"-n", namespace, "annotate", "secret", secret}
		p.kubectl(append(annotate, "helm.sh/resource-policy-")...)
		p.refusedUpgrade(namespace, values, "the Secret "+secret+" is the chart's own, and Helm would delete it now",
			fmt.Sprintf("kubectl -n %s annotate secret %s helm.sh/resource-policy=keep", namespace, secret))
		p.kubectl(append(annotate, "helm.sh/resource-policy=keep")...)
	}
	for range 2 {
		p.install(namespace, kit.Chart, "--set", "redis.password.source=existing,redis.password.secretName=bank-redis,tls.mode=secret,tls.secretName=bank-tls")
		if after := p.kept(namespace); after.password != before.password || after.claim != before.claim || p.certificate(namespace) != certificate {
			p.Errorf("it was %+v, it is %+v, or the certificate is another", before, after)
		}
	}
	p.helm("uninstall", "bank", "--namespace", namespace)
}

func (p *Plane) certificate(namespace string) string {
	p.Helper()
	return p.kubectl("-n", namespace, "get", "secret", "bank-tls", "-o", `jsonpath={.data.tls\.crt}`)
}

func aSelfSignedCertificateIsKeptWhileItIsRight(p *Plane) {
	namespace := p.namespace("certified")
	at := func(host, chart string) string {
		p.install(namespace, chart, "--set", "tls.mode=selfSigned,host="+host)
		return p.certificate(namespace)
	}
	// A chart whose certificates must be renewed at once.
	short := p.older()
	template := short + "/templates/tls-secret.yaml"
	kit.Write(p, template, strings.Replace(kit.Read(p, template), `"19080h"`, `"-24h"`, 1))

	first := at("a.example.com", kit.Chart)
	if at("a.example.com", kit.Chart) != first {
		p.Error("an upgrade makes another one")
	}
	second := at("b.example.com", short)
	if second == first {
		p.Error("another host has the certificate of the first one")
	}
	third := at("b.example.com", kit.Chart)
	if third == second {
		p.Error("past its date it stays")
	}
	if at("b.example.com", kit.Chart) != third {
		p.Error("after that every upgrade makes another one")
	}
	p.helm("uninstall", "bank", "--namespace", namespace)
}

func anUpgradeToAnotherRedisIsRefused(p *Plane) {
	namespace := p.namespace("one-redis")
	p.install(namespace, kit.Chart)
	p.refusedUpgrade(namespace, "nameOverride=till", "nameOverride: the Redis of this release is bank-redis, and till-redis would be another", "set nameOverride=bank")
	p.refusedUpgrade(namespace, "redis.storage.className=fast", `redis.storage.className: the claim of Redis was made with "", and no claim can change its class`)
	p.refusedUpgrade(namespace, "redis.storage.size=2Gi", "the claim of Redis was made with 1Gi")
	p.helm("uninstall", "bank", "--namespace", namespace)
}
