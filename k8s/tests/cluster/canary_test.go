//go:build all

package cluster

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"moneybank/k8s/tests/kit"
)

// The scenarios that `make test-cloud` runs of this folder. They mostly wait, and share a control plane and Traefik.
func TestCloud(t *testing.T) {
	plane := start(t)
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	plane.operate(ctx)
	plane.traefikKinds()
	traefik := plane.traefik()
	for _, test := range []struct {
		name string
		run  func(*testing.T, *Plane)
	}{
		{"a canary by the script", func(t *testing.T, p *Plane) { byTheScript(t, p, traefik) }},
		{"a canary by Flagger", byFlagger},
		{"External Secrets make and rotate what the pods read", externalSecrets},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, plane.of(t))
		})
	}
}

// As in production: Traefik reads the HTTPRoute from the control plane, and forwards to two banks on one Redis.
func byTheScript(t *testing.T, plane *Plane, traefik string) {
	c := plane.canary("canary", traefik)
	for _, test := range []struct {
		name string
		run  func(*canary)
	}{
		{"requests are spread as the weights say", requestsAreSpreadAsTheWeightsSay},
		{"whoever asks for the canary gets it", whoeverAsksForTheCanaryGetsIt},
		{"one that is slow for users alone is taken back", func(c *canary) { c.isTakenBack(toUsers(isSlow), "users: slowest hundredth", c.prometheus) }},
		{"one that answers users alone with 500 is taken back", func(c *canary) { c.isTakenBack(toUsers(fails), "users: share of 5xx", c.prometheus) }},
		{"one of which Prometheus knows nothing is taken back", func(c *canary) {
			c.isTakenBack(nil, "Prometheus knows of no answer", c.prometheus, "ERRORS_QUERY=of_another_gateway", "LATENCY_QUERY=of_another_gateway")
		}},
		{"one that answers 500 is taken back", func(c *canary) { c.isTakenBack(fails, "answers failed") }},
		{"one that is slow is taken back", func(c *canary) { c.isTakenBack(isSlow, "the slowest hundredth took") }},
		{"one that answers a wrong balance is taken back", func(c *canary) { c.isTakenBack(miscounts, "the balance is") }},
		{"one that is wrong and agrees with itself is taken back", func(c *canary) { c.isTakenBack(lies, "and the canary says") }},
		{"one that fits becomes the release, and nothing is lost meanwhile", oneThatFitsBecomesTheRelease},
	} {
		if !t.Run(test.name, func(t *testing.T) { test.run(c.of(t)) }) {
			break
		}
	}
}

func requestsAreSpreadAsTheWeightsSay(c *canary) {
	for _, weight := range []int{5, 25, 50, 100, 0} {
		c.install("canary.enabled=true,canary.image.tag=two", fmt.Sprintf("canary.weight=%d", weight))
		kit.Eventually(c, fmt.Sprintf("Traefik knows of %d %%", weight), func() error { return c.spread(weight, 200, 4) })
		if err := c.spread(weight, 2000, 2); err != nil {
			c.Error(err)
		}
	}
}

// spread sends requests, and returns an error where the canary gets another part of them.
func (c *canary) spread(weight, requests int, within float64) error {
	before := c.fronts.of("bank-canary")
	for range requests {
		if status, _, err := c.ask(http.MethodGet, "/healthz", "", "", ""); err != nil || status != http.StatusOK {
			return fmt.Errorf("%d %v", status, err)
		}
	}
	share := 100 * float64(c.fronts.of("bank-canary")-before) / float64(requests)
	if share < float64(weight)-within || share > float64(weight)+within {
		return fmt.Errorf("the canary got %.1f %% of %d requests, not %d %%", share, requests, weight)
	}
	return nil
}

func whoeverAsksForTheCanaryGetsIt(c *canary) {
	c.install("canary.enabled=true,canary.image.tag=two,canary.weight=0")
	kit.Eventually(c, "Traefik knows of 0 %", func() error { return c.spread(0, 100, 0) })
	before := c.fronts.of("bank-canary")
	for range 20 {
		if status, text, err := c.ask(http.MethodGet, "/healthz", "", "", "always"); err != nil || status != http.StatusOK {
			c.Fatal(status, text, err)
		}
	}
	if got := c.fronts.of("bank-canary") - before; got != 20 {
		c.Errorf("the canary got %d of 20", got)
	}
	c.install("canary.enabled=false")
}

const window = 5 * time.Second

// script runs k8s/canary, and returns its output, and how long it took from the first user that was sent to the canary.
func (c *canary) script(tag string, environment ...string) (string, time.Duration, error) {
	command := exec.Command(kit.At("k8s/canary"), "start", tag)
	command.Env = append(append(os.Environ(), environment...), "PATH="+kit.At("build/bin")+":"+os.Getenv("PATH"), "KUBECONFIG="+c.kubeconfig, "NAMESPACE="+c.namespace,
		"URL=http://"+c.host, "http_proxy=http://127.0.0.1:"+traefikPorts["80"], "no_proxy=127.0.0.1", "STEP_SECONDS=8", "WINDOW="+window.String(), "PYTHONDONTWRITEBYTECODE=1", "LATENCY=600",
		"VERIFY="+kit.At("target/native/bank")+" verify --from "+kit.At("spin.toml")+" --runtime-config-file "+c.redis+" --user")
	output := &timed{}
	command.Stdout, command.Stderr = output, output
	err := command.Run()
	return output.text.String(), output.since("5 %"), err
}

// forget waits until Prometheus' window no longer holds the canary before.
func (c *canary) forget() { time.Sleep(window) }

func (c *canary) isTakenBack(fault fault, why string, environment ...string) {
	if slices.Contains(environment, c.prometheus) {
		c.forget()
	}
	c.fronts.plant(fault)
	defer c.fronts.plant(nil)
	users := c.users()
	output, took, err := c.script("bad", environment...)
	c.Logf("%.1f s after users were led to it:\n%s", took.Seconds(), output)
	if err == nil || !strings.Contains(output, "taken back: ") || !strings.Contains(output, why) {
		c.Errorf("%v: not taken back because of %q", err, why)
	}
	if took > time.Minute {
		c.Errorf("it took %s", took)
	}
	if left := c.kubectl("-n", c.namespace, "get", "httproute,spinapp", "-o", "yaml"); strings.Contains(left, "bank-canary") {
		c.Errorf("the canary is still there:\n%s", left)
	}
	if strings.Contains(c.kubectl("-n", c.namespace, "get", "spinapp", "bank", "-o", "jsonpath={.spec.image}"), ":bad") {
		c.Error("the bad one is the release")
	}
	c.fronts.plant(nil)
	users.end()
}

func oneThatFitsBecomesTheRelease(c *canary) {
	c.forget()
	users := c.users()
	output, _, err := c.script("good", c.prometheus)
	c.Log(output)
	if err != nil {
		c.Errorf("%v", err)
	}
	if image := c.kubectl("-n", c.namespace, "get", "spinapp", "bank", "-o", "jsonpath={.spec.image}"); !strings.HasSuffix(image, ":good") {
		c.Errorf("the release is %s", image)
	}
	if left := c.kubectl("-n", c.namespace, "get", "httproute,spinapp", "-o", "yaml"); strings.Contains(left, "bank-canary") {
		c.Errorf("the canary is still there:\n%s", left)
	}
	paid := users.end()
	if users.answered("bank") == 0 || users.answered("bank-canary") == 0 || paid == 0 {
		c.Errorf("%d deposits, %d at the release, %d at the canary", paid, users.answered("bank"), users.answered("bank-canary"))
	}
}
