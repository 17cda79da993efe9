package cluster

import (
	"fmt"
	"slices"
	"strings"

	"moneybank/k8s/tests/kit"
)

// A StatefulSet that updates in order never replaces a pod that was never Ready.
func aRollbackBringsRedisBack(p *Plane) {
	namespace := p.namespace("rolled-back")
	p.install(namespace, kit.Chart)
	p.runs(namespace, 1)
	p.install(namespace, kit.Chart, "--set", "redis.image=registry/redis:none-such")
	kit.Eventually(p, "Redis has no image", func() error {
		return kit.Missing(p.kubectl("-n", namespace, "get", "pods", "-o", "jsonpath={..state.waiting.reason}"), "ImagePullBackOff")
	})
	p.helm("rollback", "bank", "1", "--namespace", namespace)
	p.kubectl("-n", namespace, "rollout", "status", "statefulset/bank-redis", "--timeout=60s")
	p.helm("uninstall", "bank", "--namespace", namespace)
}

// marks are the annotations whose change replaces the pods of Redis and of the application.
type marks struct{ redis, app string }

func (p *Plane) marks(namespace string) marks {
	p.Helper()
	return marks{
		redis: p.kubectl("-n", namespace, "get", "statefulset", "bank-redis", "-o", "jsonpath={.spec.template.metadata.annotations}"),
		app:   p.kubectl("-n", namespace, "get", "spinapp", "bank", "-o", "jsonpath={.spec.podAnnotations}"),
	}
}

// changed upgrades the release, and fails the test unless exactly these pods are replaced.
func (p *Plane) changed(namespace, why string, redis, app bool, arguments ...string) {
	p.Helper()
	before := p.marks(namespace)
	p.install(namespace, kit.Chart, arguments...)
	after := p.marks(namespace)
	if (before.redis != after.redis) != redis || (before.app != after.app) != app {
		p.Errorf("%s: it was %+v, it is %+v", why, before, after)
	}
}

func aPasswordThatIsLostStartsRedisAndTheApplicationAnew(p *Plane) {
	namespace := p.namespace("lost")
	p.install(namespace, kit.Chart)
	p.changed(namespace, "an upgrade", false, false)
	p.kubectl("-n", namespace, "delete", "secret", "bank-redis")
	p.changed(namespace, "the Secret is deleted", true, true)
	p.changed(namespace, "an upgrade after that", false, false)
	p.helm("uninstall", "bank", "--namespace", namespace)
}

func aPasswordOfYoursThatChangesStartsRedisAndTheApplicationAnew(p *Plane) {
	namespace := p.namespace("yours")
	write := func(key, value string) {
		p.kubectl("-n", namespace, "patch", "secret", "mine", "-p", fmt.Sprintf(`{"stringData":{%q:%q}}`, key, value))
	}
	p.kubectl("-n", namespace, "create", "secret", "generic", "mine", "--from-literal=password=one")
	existing := []string{"--set", "redis.password.source=existing,redis.password.secretName=mine"}
	p.install(namespace, kit.Chart, existing...)
	p.changed(namespace, "an upgrade", false, false, existing...)
	write("password", "two")
	p.changed(namespace, "another password", true, true, existing...)
	write("previous-password", "one")
	p.changed(namespace, "the one before", true, false, existing...)
	for _, url := range []string{"redis://:one@bank-redis:6379", "redis://bank-redis:6379", "redis://:two%zz@bank-redis:6379"} {
		write("url", url)
		output, err := p.try(append([]string{"upgrade", "bank", kit.Chart, "--namespace", namespace}, existing...)...)
		if err == nil || kit.Missing(output, "`url` in the Secret mine holds another password than `password`") != nil || strings.Contains(output, url) {
			p.Errorf("%s: %v\n%s", url, err, output)
		}
	}
	// Both forms of percent-encoding, and the line feed at a file's end, sent or not.
	write("password", "p$ a/\n")
	for _, url := range []string{"redis://:p$%20a%2F@bank-redis:6379", "redis://default:p%24%20a%2f%0A@bank-redis:6379"} {
		write("url", url)
		p.install(namespace, kit.Chart, existing...)
	}
	p.helm("uninstall", "bank", "--namespace", namespace)
}

func theOldPasswordEndsWithTheUpgradeAfterARotation(p *Plane) {
	namespace := p.namespace("rotated-twice")
	p.install(namespace, kit.Chart)
	rotated := []string{"--set", "redis.password.rotation=2"}
	p.changed(namespace, "a rotation", true, true, rotated...)
	password := p.kept(namespace).password
	p.changed(namespace, "the upgrade that drops the old one", true, false, rotated...)
	p.changed(namespace, "an upgrade that forgets the rotation", false, false)
	p.changed(namespace, "one that remembers it", false, false, rotated...)
	if p.kept(namespace).password != password {
		p.Error("forgetting the rotation makes another password")
	}
	p.changed(namespace, "the next rotation", true, true, "--set", "redis.password.rotation=3")
	p.helm("uninstall", "bank", "--namespace", namespace)
}

// Helm deletes what it no longer renders, even if the values name it as an object of somebody else.
func anObjectThatIsStillNamedIsNotDeleted(p *Plane) {
	namespace := p.namespace("named")
	made := "runtimeClass.create=true,executor.runtimeClassName=of-named,tls.mode=certManager,tls.certManager.issuer=of-named"
	p.install(namespace, kit.Chart, "--set", made+",tls.certManager.letsEncrypt=staging,tls.certManager.email=a@b.example")
	made = strings.Replace(made, "runtimeClass.create=true", "executor.create=false", 1)
	keep := []string{"-n " + namespace + " annotate spinappexecutor containerd-shim-spin",
		"annotate runtimeclass of-named", "annotate clusterissuer of-named"}
	for _, command := range keep {
		command += " helm.sh/resource-policy=keep"
		p.refusedUpgrade(namespace, made, "the chart's own and still named, and Helm would delete it now", "kubectl "+command)
		p.kubectl(strings.Fields(command)...)
	}
	p.install(namespace, kit.Chart, "--set", made)
	p.kubectl("-n", namespace, "get", "spinappexecutor/containerd-shim-spin", "runtimeclass/of-named", "clusterissuer/of-named")
	p.helm("uninstall", "bank", "--namespace", namespace)
	p.kubectl("delete", "runtimeclass/of-named", "clusterissuer/of-named")
}

func theMoneyIsNotLeftBehindUnasked(p *Plane) {
	namespace := p.namespace("moved")
	p.install(namespace, kit.Chart)
	p.runs(namespace, 1)
	external := "redis.enabled=false,redis.external.url=redis://:p@cache"
	p.refusedUpgrade(namespace, external, "redis.enabled: bank-redis holds the money", "delete statefulset bank-redis", "its claim data-bank-redis-0 stays")
	p.kubectl("-n", namespace, "delete", "statefulset", "bank-redis")
	notes := p.install(namespace, kit.Chart, "--set", external)
	if err := kit.Missing(notes, "! The claim data-bank-redis-0, of the chart's own Redis, still exists"); err != nil {
		p.Error(err)
	}
	p.helm("uninstall", "bank", "--namespace", namespace)
}

// Deleted as k8s/manifests/README.md says.
func deletingTheManifestsAsTheySayLeavesTheMoney(p *Plane) {
	const command = "kubectl delete -k k8s/manifests/prod --selector app.kubernetes.io/component,app.kubernetes.io/component!=exports"
	if err := kit.Missing(kit.Read(p, kit.At("k8s/manifests/README.md")), command); err != nil {
		p.Fatal(err)
	}
	p.kubectl(strings.Fields(strings.Replace(strings.TrimPrefix(command, "kubectl "), "k8s/manifests", kit.At("k8s/manifests"), 1))...)
	kit.Eventually(p, "all is gone but the claims", func() error {
		left := p.kubectl("-n", "money-bank", "get", "pods,statefulsets,deployments,spinapps,persistentvolumeclaims", "-o", "name")
		if !slices.Equal(strings.Fields(left), []string{"persistentvolumeclaim/bank-backup", "persistentvolumeclaim/data-bank-redis-0"}) {
			return fmt.Errorf("left: %s", left)
		}
		return nil
	})
	p.kubectl("apply", "--server-side", "-k", kit.At("k8s/manifests/prod"))
}
