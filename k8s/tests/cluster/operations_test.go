package cluster

import (
	"fmt"
	"strings"

	"moneybank/k8s/tests/kit"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Once the operator no longer sets replicas, the API server sets one, until the autoscaler acts.
func turningAutoscalingOnTakesNoPodAway(p *Plane) {
	namespace := p.namespace("scaled")
	p.install(namespace, kit.Chart, "--set", "replicas=5")
	p.runs(namespace, 5)
	fewest := p.fewestReplicas(namespace)
	p.install(namespace, kit.Chart, "--set", "autoscaling.enabled=true,autoscaling.minReplicas=3")
	kit.Eventually(p, "the operator leaves the number to the autoscaler", func() error {
		deployment, err := p.AppsV1().Deployments(namespace).Get(p.Context(), "bank", metav1.GetOptions{})
		if err == nil && deployment.Annotations["money-bank/min-replicas"] != "3" {
			err = fmt.Errorf("annotations: %v", deployment.Annotations)
		}
		return err
	})
	if fewest := fewest(); fewest < 3 {
		p.Errorf("for a while %d pods were wanted", fewest)
	}
	p.helm("uninstall", "bank", "--namespace", namespace)
}

// fewestReplicas watches the Deployment. The function it returns ends the watch, and says the lowest number of replicas that was wanted.
func (p *Plane) fewestReplicas(namespace string) func() int32 {
	p.Helper()
	watch, err := p.AppsV1().Deployments(namespace).Watch(p.Context(), metav1.ListOptions{})
	if err != nil {
		p.Fatal(err)
	}
	found := make(chan int32, 1)
	go func() {
		fewest := int32(1000)
		for event := range watch.ResultChan() {
			if deployment, is := event.Object.(*appsv1.Deployment); is {
				fewest = min(fewest, *deployment.Spec.Replicas)
			}
		}
		found <- fewest
	}()
	return func() int32 {
		watch.Stop()
		return <-found
	}
}

// A Secret may hold the password alone: the chart makes the address, whatever characters the password has.
func aPasswordAloneIsEnough(p *Plane) {
	namespace := p.namespace("password-alone")
	p.kubectl("-n", namespace, "create", "secret", "generic", "mine", "--from-literal=password=p a/s+s@1:%\n")
	existing := []string{"--set", "redis.password.source=existing,redis.password.secretName=mine"}
	p.install(namespace, kit.Chart, existing...)
	p.runs(namespace, 1)
	url := p.kubectl("-n", namespace, "get", "secret", "bank-redis-url", "-o", "go-template={{.data.url | base64decode}}")
	if url != "redis://:p%20a%2Fs%2Bs%401%3A%25%0A@bank-redis:6379" {
		p.Errorf("the address is %q", url)
	}
	p.kubectl("-n", namespace, "patch", "secret", "mine", "-p", `{"stringData":{"password":"\n"}}`)
	output, err := p.try("upgrade", "--install", "bank", kit.Chart, "--namespace", namespace, existing[0], existing[1])
	if err == nil || kit.Missing(output, "the Secret mine has no `password`, or an empty one") != nil {
		p.Errorf("an empty password: %v\n%s", err, output)
	}
	p.helm("uninstall", "bank", "--namespace", namespace)
}

func theClaimIsEnlargedByTheCommandsThatTheChartPrints(p *Plane) {
	namespace := p.namespace("enlarged")
	p.install(namespace, kit.Chart)
	p.runs(namespace, 1)
	before := p.kept(namespace)
	larger := []string{"upgrade", "bank", kit.Chart, "--namespace", namespace, "--set", "redis.storage.size=2Gi"}
	output, err := p.try(larger...)
	if err == nil || kit.Missing(output, "the claim of Redis was made with 1Gi", "patch pvc data-bank-redis-0", "--cascade=orphan") != nil {
		p.Fatalf("%v\n%s", err, output)
	}
	// The storage class enlarges the claim itself; the disks of these tests can not grow.
	p.kubectl("-n", namespace, "delete", "statefulset", "bank-redis", "--cascade=orphan")
	p.helm(larger...)
	if after := p.kept(namespace); after != before {
		p.Errorf("it was %+v, it is %+v", before, after)
	}
	p.helm("uninstall", "bank", "--namespace", namespace)
}

func aNewPasswordIsMadeWhenAskedForAndTheOldOneTakenForAWhile(p *Plane) {
	namespace := p.namespace("rotated")
	p.install(namespace, kit.Chart)
	before := p.kept(namespace).password
	rotated := []string{"--set", "redis.password.rotation=2"}
	p.install(namespace, kit.Chart, rotated...)
	after := p.kept(namespace).password
	previous := p.kubectl("-n", namespace, "get", "secret", "bank-redis", "-o", `go-template={{index .data "previous-password" | base64decode}}`)
	if after == before || previous != before {
		p.Errorf("it was %q, it is %q, and before that %q", before, after, previous)
	}
	p.install(namespace, kit.Chart, rotated...)
	if data := p.kubectl("-n", namespace, "get", "secret", "bank-redis", "-o", "jsonpath={.data}"); strings.Contains(data, "previous") || p.kept(namespace).password != after {
		p.Error("the next upgrade keeps the old one, or makes another")
	}
	p.helm("uninstall", "bank", "--namespace", namespace)
}

// try runs helm, and returns its error too.
func (p *Plane) try(arguments ...string) (string, error) {
	return kit.Try(kit.Tool("helm"), append([]string{"--kubeconfig", p.kubeconfig}, arguments...)...)
}
