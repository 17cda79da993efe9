package observe

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"moneybank/k8s/tests/kit"
)

// get returns the body of an answer with status 200.
func get(url string) (string, error) { return kit.Body(http.Get(url)) }

// exported returns the metrics that the Collector serves to Prometheus.
func (h *House) exported() (string, error) { return get("http://" + h.counts + "/metrics") }

// sink takes traces and logs as a store of them would, and keeps the bytes.
type sink struct {
	url  string
	lock sync.Mutex
	kept map[string][]byte
}

func newSink(t *testing.T) *sink {
	s := &sink{kept: map[string][]byte{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		content, _ := io.ReadAll(body)
		s.lock.Lock()
		defer s.lock.Unlock()
		s.kept[r.URL.Path] = append(s.kept[r.URL.Path], content...)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *sink) all(path string) string {
	s.lock.Lock()
	defer s.lock.Unlock()
	return string(s.kept[path])
}

// platform stands in for kube-state-metrics and cert-manager, which watch a cluster that is not here.
type platform struct{ url string }

func newPlatform(t *testing.T) *platform {
	expiry := time.Now().Add(90 * 24 * time.Hour).Unix()
	text := fmt.Sprintf(`kube_deployment_status_replicas_available{namespace="money-bank",deployment="bank"} 3
kube_deployment_spec_replicas{namespace="money-bank",deployment="bank"} 3
kube_pod_container_status_restarts_total{namespace="money-bank",pod="bank-0",container="bank"} 0
kube_horizontalpodautoscaler_status_current_replicas{namespace="money-bank",horizontalpodautoscaler="bank"} 3
kube_horizontalpodautoscaler_spec_min_replicas{namespace="money-bank",horizontalpodautoscaler="bank"} 3
kube_horizontalpodautoscaler_spec_max_replicas{namespace="money-bank",horizontalpodautoscaler="bank"} 10
certmanager_certificate_expiration_timestamp_seconds{namespace="money-bank",name="bank-tls"} %d
probe_ssl_earliest_cert_expiry{namespace="money-bank",instance="https://bank"} %d
probe_success{namespace="money-bank",job="bank",instance="https://bank.example.com/healthz"} 1
kube_cronjob_created{namespace="money-bank",cronjob="bank-backup"} %d
kube_cronjob_status_last_successful_time{namespace="money-bank",cronjob="bank-backup"} %[3]d
kube_job_status_start_time{namespace="money-bank",job_name="bank-backup-1"} %[3]d
kube_job_owner{namespace="money-bank",job_name="bank-backup-1",owner_kind="CronJob",owner_name="bank-backup"} 1
kube_job_failed{namespace="money-bank",job_name="bank-backup-1",condition="true"} 0
`, expiry, expiry, time.Now().Unix())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }))
	t.Cleanup(server.Close)
	return &platform{server.URL}
}

// receiver is the receiver of Alertmanager's notifications. It notes when each alert last fired, and when it ended.
type receiver struct {
	url   string
	lock  sync.Mutex
	last  map[string]time.Time
	ended map[string]time.Time
}

func newReceiver(t *testing.T) *receiver {
	made := &receiver{last: map[string]time.Time{}, ended: map[string]time.Time{}}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var message struct {
			Alerts []struct {
				Status string
				Labels map[string]string
			}
		}
		if json.NewDecoder(r.Body).Decode(&message) != nil {
			return
		}
		made.lock.Lock()
		defer made.lock.Unlock()
		// A group is one alert name: it fires while any of its alerts does.
		firing, name := false, ""
		for _, alert := range message.Alerts {
			firing, name = firing || alert.Status == "firing", alert.Labels["alertname"]
		}
		if firing && !made.fires(name) {
			made.last[name] = time.Now()
		} else if !firing {
			made.ended[name] = time.Now()
		}
	}))
	t.Cleanup(server.Close)
	made.url = server.URL
	return made
}

// firing lists the names of firing alerts.
func (r *receiver) firing() string {
	r.lock.Lock()
	defer r.lock.Unlock()
	var names []string
	for name := range r.last {
		if r.fires(name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

// lastFired is when it last fired.
func (r *receiver) lastFired(name string) time.Time {
	r.lock.Lock()
	defer r.lock.Unlock()
	return r.last[name]
}

// lastEnded is when it last ended.
func (r *receiver) lastEnded(name string) time.Time {
	r.lock.Lock()
	defer r.lock.Unlock()
	return r.ended[name]
}

func (r *receiver) hasFiredSince(name string, moment time.Time) bool {
	return r.lastFired(name).After(moment)
}

func (r *receiver) isFiring(name string) bool {
	r.lock.Lock()
	defer r.lock.Unlock()
	return r.fires(name)
}

// fires says whether it has fired since it last ended; the lock is held.
func (r *receiver) fires(name string) bool { return r.last[name].After(r.ended[name]) }
