// Package local runs what the chart rendered on this machine: its Redis from its own configuration and
// password, `bank` with its variables and runtime configuration, nginx with its TLS and header settings.
package local

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"moneybank/k8s/tests/kit"
	"moneybank/k8s/tests/kit/spinkube"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Cluster is a rendering, and the addresses of its parts on this machine.
type Cluster struct {
	*testing.T
	objects   []unstructured.Unstructured
	folder    string
	redisPort int
	redis     *kit.Process
	coingecko string
}

const apiKey = "the-key-of-the-chart"

// rendered renders the chart for prod, with the stand-in for CoinGecko.
func rendered(t *testing.T, arguments ...string) *Cluster {
	coingecko := kit.FreeAddress(t)
	kit.Start(t, "coingecko", nil, kit.At("target/native/coingecko"), "--listen", coingecko)
	arguments = append([]string{"--values", kit.Values("prod"), "--set", "settings.coingeckoOrigin=http://" + coingecko,
		// The suites name their users by a header, as a gateway does.
		"--set", "auth.mode=header,auth.trustGateway=true,auth.gatewayPods.app=nginx",
		// A machine that is busy building must not look like a store that is down.
		"--set", "settings.storageDeadlineMs=5000", "--set", "settings.ratesTtlSeconds=1,settings.ratesMaxStaleSeconds=8,coingeckoApiKey.secretName=coingecko"}, arguments...)
	return &Cluster{T: t, objects: kit.Rendered(t, arguments...), folder: t.TempDir(), redisPort: kit.FreePort(t), coingecko: "http://" + coingecko}
}

// secret reads a key of a Secret that the chart rendered, or CoinGecko's key, which the cluster owns.
func (c *Cluster) secret(key *corev1.SecretKeySelector) (string, error) {
	if key.Name == "coingecko" {
		return apiKey, nil
	}
	secret := kit.Find(c, c.objects, "Secret", key.Name)
	encoded, _, _ := unstructured.NestedString(secret.Object, "data", key.Key)
	value, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(value) == 0 {
		c.Fatalf("%s of the Secret %s is %q: %v", key.Key, key.Name, value, err)
	}
	return strings.Replace(string(value), "bank-redis:6379", fmt.Sprintf("127.0.0.1:%d", c.redisPort), 1), nil
}

// has says whether a Secret that the chart rendered has this key.
func (c *Cluster) has(key *corev1.SecretKeySelector) bool {
	_, has, _ := unstructured.NestedString(kit.Find(c, c.objects, "Secret", key.Name).Object, "data", key.Key)
	return has
}

// environment returns a container's variables with their values.
func (c *Cluster) environment(variables []corev1.EnvVar) []string {
	var environment []string
	for _, variable := range variables {
		value := variable.Value
		if variable.ValueFrom != nil {
			key := variable.ValueFrom.SecretKeyRef
			if key.Optional != nil && *key.Optional && !c.has(key) {
				continue
			}
			value, _ = c.secret(key)
		}
		environment = append(environment, variable.Name+"="+value)
	}
	return environment
}

// startRedis starts the StatefulSet's container, with its paths and its port where this test may write.
func (c *Cluster) startRedis() {
	c.Helper()
	config, _, _ := unstructured.NestedString(kit.Find(c, c.objects, "ConfigMap", "bank-redis").Object, "data", "redis.conf")
	for _, move := range [][2]string{{"\ndir /data\n", "\ndir " + c.folder + "/data\n"}, {"\nport 6379\n", fmt.Sprintf("\nport %d\n", c.redisPort)},
		{"\nbind * -::*\n", "\nbind 127.0.0.1\n"}} {
		if !strings.Contains(config, move[0]) {
			c.Fatalf("%q is not in:\n%s", move[0], config)
		}
		config = strings.Replace(config, move[0], move[1], 1)
	}
	kit.Write(c, c.folder+"/etc/redis.conf", config)
	for _, folder := range []string{"data", "run"} {
		if err := os.MkdirAll(c.folder+"/"+folder, 0o700); err != nil {
			c.Fatal(err)
		}
	}
	container := c.redisContainer()
	c.redis = kit.Start(c, "redis", c.environment(container.Env), container.Command[0], append(container.Command[1:], c.moved(container.Args[0]))...)
	kit.Eventually(c, "Redis is ready", func() error {
		if err := c.redis.Runs(); err != nil {
			c.Fatal(err)
		}
		return c.readiness(c.environment(container.Env))
	})
}

func (c *Cluster) redisContainer() corev1.Container {
	return kit.Into[appsv1.StatefulSet](c, kit.Find(c, c.objects, "StatefulSet", "bank-redis")).Spec.Template.Spec.Containers[0]
}

func (c *Cluster) moved(script string) string {
	return strings.NewReplacer("/etc/redis", c.folder+"/etc", "/run/redis", c.folder+"/run",
		"redis-cli", fmt.Sprintf("redis-cli -p %d", c.redisPort)).Replace(script)
}

// readiness runs the readiness probe.
func (c *Cluster) readiness(environment []string) error {
	probe := c.redisContainer().ReadinessProbe.Exec.Command
	command := exec.Command(probe[0], probe[1], c.moved(probe[2]))
	command.Env = append(os.Environ(), environment...)
	return command.Run()
}

// app returns the rendered SpinApp.
func (c *Cluster) app() spinkube.SpinApp {
	c.Helper()
	return kit.Into[spinkube.SpinApp](c, kit.Find(c, c.objects, "SpinApp", "bank"))
}

// startBank starts `bank` as the operator would start the shim, and returns its address.
func (c *Cluster) startBank() string {
	c.Helper()
	app := c.app()
	config, err := app.RuntimeConfig(func(from *spinkube.OptionSource) (string, error) { return c.secret(from.SecretKeyRef) })
	if err != nil {
		c.Fatal(err)
	}
	environment, err := app.Environment(nil)
	if err != nil {
		c.Fatal(err)
	}
	listen := kit.FreeAddress(c)
	bank := kit.Start(c, "bank", append(c.environment(environment), "SPIN_HTTP_LISTEN_ADDR="+listen), kit.At("target/native/bank"),
		"up", "--state-dir", c.folder, "--runtime-config-file", kit.Write(c, c.folder+"/runtime-config.toml", string(config)))
	url := "http://" + listen
	for _, probe := range []*spinkube.HealthProbe{app.Spec.Checks.Liveness, app.Spec.Checks.Readiness} {
		kit.Eventually(c, probe.HTTPGet.Path, func() error {
			if err := bank.Runs(); err != nil {
				c.Fatal(err)
			}
			answer, err := http.Get(url + probe.HTTPGet.Path)
			if err == nil && answer.StatusCode != http.StatusOK {
				err = fmt.Errorf("%s", answer.Status)
			}
			return err
		})
	}
	return url
}

// suites runs black-box suites of ../../tests.
func (c *Cluster) suites(url string, names ...string) {
	c.Helper()
	kit.RunSuites(c, url, c.coingecko, apiKey, names...)
}
