//go:build all

package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"moneybank/k8s/tests/kit"
)

// canary is a release behind Traefik, and the banks that stand in for its pods.
type canary struct {
	*Plane
	namespace, host, redis string
	store                  string // Redis' address
	release, other         string // which pods they are
	prometheus             string // the settings by which k8s/canary asks Prometheus
	fronts                 *fronts
	client                 *http.Client
}

// of returns the same for one test.
func (c *canary) of(t testing.TB) *canary {
	mine := *c
	mine.Plane = c.Plane.of(t)
	return &mine
}

// canary installs a release, and starts what stands in for its pods: a bank for the release and one for the canary, on one Redis.
func (p *Plane) canary(namespace, traefik string) *canary {
	p.Helper()
	c := p.money(namespace)
	c.release, c.other = "bank", "bank-canary"
	c.fronts = p.fronts(namespace, "core.spinkube.dev/app-name", c.other, 80)
	for _, app := range []string{c.release, c.other} {
		c.fronts.lead(app, c.bank(app, c.store))
	}
	c.install()
	p.runs(namespace, 1)
	c.isReached()
	c.prometheus = "PROMETHEUS=" + p.prometheus(namespace, traefik)
	return c
}

// money makes a namespace, and starts the Redis of its banks.
func (p *Plane) money(namespace string) *canary {
	p.Helper()
	folder, port := p.TempDir(), kit.FreePort(p)
	kit.Start(p, namespace+"-redis", nil, "redis-server", "--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--dir", folder, "--appendonly", "yes", "--maxmemory-policy", "noeviction")
	store := fmt.Sprintf("redis://127.0.0.1:%d", port)
	return &canary{Plane: p, namespace: p.namespace(namespace), host: namespace + ".example.com", store: store,
		client: &http.Client{Transport: toTraefik(), Timeout: 20 * time.Second},
		redis:  kit.Write(p, folder+"/redis.toml", "[key_value_store.default]\ntype = \"redis\"\nurl = \""+store+"\"\n")}
}

// bank starts a bank on this Redis, and returns its address.
func (c *canary) bank(name, store string, environment ...string) string {
	listen := kit.FreeAddress(c)
	kit.Start(c, c.namespace+"-"+name, append([]string{"SPIN_VARIABLE_STORE=redis", "SPIN_VARIABLE_REDIS_URL=" + store, "SPIN_VARIABLE_STORAGE_DEADLINE_MS=5000"}, environment...),
		kit.At("target/native/bank"), "up", "--runtime-config-file", c.redis, "--state-dir", c.TempDir(), "--listen", listen)
	return listen
}

// traefik starts Traefik, and returns the address of its metrics.
func (p *Plane) traefik() string {
	p.Helper()
	metrics := kit.FreeAddress(p)
	proxy := kit.Start(p, "traefik", []string{"KUBECONFIG=" + p.kubeconfig}, kit.Tool("traefik"), "--providers.kubernetesgateway",
		"--entrypoints.web.address=127.0.0.1:"+traefikPorts["80"], "--entrypoints.websecure.address=127.0.0.1:"+traefikPorts["443"],
		"--metrics.prometheus=true", "--metrics.prometheus.entrypoint=metrics", "--entrypoints.metrics.address="+metrics,
		"--global.checknewversion=false", "--global.sendanonymoususage=false", "--log.level=INFO")
	proxy.ShowsMetrics(p, metrics)
	return metrics
}

// isReached waits until Traefik leads to the bank.
func (c *canary) isReached() {
	c.Helper()
	kit.Eventually(c, "the bank is reached", func() error {
		status, text, err := c.ask(http.MethodGet, "/readyz", "", "", "")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%d %s", status, text)
		}
		return err
	})
}

// prometheus starts a Prometheus that scrapes these targets, and returns its address.
func (p *Plane) prometheus(name string, targets ...string) string {
	p.Helper()
	folder, listen := p.TempDir(), kit.FreeAddress(p)
	config := kit.Write(p, folder+"/prometheus.yaml", "{global: {scrape_interval: 1s}, scrape_configs: [{job_name: test, honor_labels: true, static_configs: [{targets: ['"+strings.Join(targets, "', '")+"']}]}]}")
	kit.Start(p, "prometheus-"+name, nil, "prometheus", "--config.file="+config, "--storage.tsdb.path="+folder, "--web.listen-address="+listen)
	return "http://" + listen
}

func (c *canary) install(values ...string) {
	c.Helper()
	arguments := []string{"--values", kit.Chart + "/controllers/gateway-traefik.yaml", "--set", "host=" + c.host + ",image.tag=one"}
	for _, value := range values {
		arguments = append(arguments, "--set", value)
	}
	c.Plane.install(c.namespace, kit.Chart, arguments...)
}

// ask sends a request by the way that users go. No answer is an error.
func (c *canary) ask(method, path, user, body, canary string) (int, string, error) {
	return c.keyed(method, path, user, body, canary, "")
}

func (c *canary) keyed(method, path, user, body, canary, key string) (int, string, error) {
	request, err := http.NewRequest(method, "http://"+c.host+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	for name, value := range map[string]string{"content-type": "application/json", "user-id": user, "x-bank-canary": canary, "idempotency-key": key} {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	answer, err := c.client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), err
}

// toTraefik is a transport that resolves every host to Traefik.
func toTraefik() *http.Transport {
	return &http.Transport{MaxIdleConnsPerHost: 16, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+traefikPorts["80"])
	}}
}

// users deposit until they are told to end, and retry what was not answered, as the README says.
type users struct {
	*canary
	stop   chan struct{}
	done   sync.WaitGroup
	paid   [4]int
	before map[string]int
	prefix string
}

func (c *canary) users() *users {
	u := &users{canary: c, stop: make(chan struct{}), prefix: fmt.Sprintf("user-%d", time.Now().UnixNano()),
		before: map[string]int{c.release: c.fronts.of(c.release), c.other: c.fronts.of(c.other)}}
	for index := range u.paid {
		u.done.Add(1)
		go u.deposits(index)
	}
	return u
}

func (u *users) deposits(index int) {
	defer u.done.Done()
	user := fmt.Sprintf("%s-%d", u.prefix, index)
	for number := 0; ; number++ {
		for status := 0; status != http.StatusOK; {
			status, _, _ = u.keyed(http.MethodPost, "/v1/deposit", user, `{"amount":"1.00"}`, "", fmt.Sprintf("%s-%d", user, number))
		}
		u.paid[index]++
		select {
		case <-u.stop:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (u *users) answered(app string) int { return u.fronts.of(app) - u.before[app] }

// end waits for requests in flight, and checks that each acknowledged deposit was posted once.
func (u *users) end() int {
	u.Helper()
	close(u.stop)
	u.done.Wait()
	sum := 0
	for index, paid := range u.paid {
		user := fmt.Sprintf("%s-%d", u.prefix, index)
		status, text, err := u.ask(http.MethodGet, "/v1/wallet", user, "", "")
		var wallet struct{ Balance string }
		if err != nil || json.Unmarshal([]byte(text), &wallet) != nil || wallet.Balance != fmt.Sprintf("%d.00", paid) {
			u.Errorf("%s deposited %d.00: %d %s %v", user, paid, status, text, err)
		}
		kit.Run(u, kit.At("target/native/bank"), "verify", "--from", kit.At("spin.toml"), "--runtime-config-file", u.redis, "--user", user)
		sum += paid
	}
	return sum
}

// timed keeps a program's output, and when each line began.
type timed struct {
	sync.Mutex
	text strings.Builder
	at   map[string]time.Time
}

func (t *timed) Write(text []byte) (int, error) {
	t.Lock()
	defer t.Unlock()
	if t.at == nil {
		t.at = map[string]time.Time{}
	}
	for line := range strings.Lines(string(text)) {
		t.at[strings.TrimSpace(line)] = time.Now()
	}
	return t.text.Write(text)
}

func (t *timed) since(line string) time.Duration {
	t.Lock()
	defer t.Unlock()
	return time.Since(t.at[line])
}
