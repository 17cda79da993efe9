//go:build all

package cluster

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// fronts listen at the addresses of all pods, count requests, plant faults in the canary's, and forward to the bank.
type fronts struct {
	*Plane
	sync.Mutex
	namespace string
	label     string // this label says whose pod it is
	canary    string
	apps      map[string]string // by address
	banks     map[string]*httputil.ReverseProxy
	counts    map[string]int
	fault     fault
}

// fault is what a bad canary does to a request, or to its answer. It returns whether the request was answered.
type fault func(http.ResponseWriter, *http.Request, *http.Response) bool

func (p *Plane) fronts(namespace, label, canary string, port int) *fronts {
	p.Helper()
	f := &fronts{Plane: p, namespace: namespace, label: label, canary: canary, apps: map[string]string{}, banks: map[string]*httputil.ReverseProxy{}, counts: map[string]int{}}
	// All addresses of pods are this machine's: the address that was called says which pod is meant.
	listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		p.Fatal(err)
	}
	server := &http.Server{Handler: f}
	go func() { _ = server.Serve(listener) }()
	p.Cleanup(func() { server.Close() })
	return f
}

// lead makes this bank stand in for an application's pods from now on.
func (f *fronts) lead(app, listen string) {
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: listen})
	if app == f.canary {
		proxy.ModifyResponse = func(answer *http.Response) error { f.planted()(nil, answer.Request, answer); return nil }
	}
	f.Lock()
	defer f.Unlock()
	f.banks[app] = proxy
}

func (f *fronts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	app := f.app(r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr).IP.String())
	f.Lock()
	f.counts[app]++
	proxy := f.banks[app]
	f.Unlock()
	if app == f.canary && f.planted()(w, r, nil) {
		return
	}
	if proxy == nil {
		http.Error(w, "no pod of the bank has this address", http.StatusBadGateway)
		return
	}
	proxy.ServeHTTP(w, r)
}

// app returns whose pod has this address, or had it: a pod that drains still answers.
func (f *fronts) app(address string) string {
	f.Lock()
	defer f.Unlock()
	if f.apps[address] == "" {
		list, err := f.CoreV1().Pods(f.namespace).List(f.Context(), metav1.ListOptions{LabelSelector: f.label})
		if err != nil {
			return ""
		}
		for _, pod := range list.Items {
			f.apps[pod.Status.PodIP] = pod.Labels[f.label]
		}
	}
	return f.apps[address]
}

// of counts the requests that an application's pods got.
func (f *fronts) of(app string) int {
	f.Lock()
	defer f.Unlock()
	return f.counts[app]
}

func (f *fronts) plant(fault fault) {
	f.Lock()
	defer f.Unlock()
	f.fault = fault
}

func (f *fronts) planted() fault {
	f.Lock()
	defer f.Unlock()
	if f.fault == nil {
		return func(http.ResponseWriter, *http.Request, *http.Response) bool { return false }
	}
	return f.fault
}

func fails(w http.ResponseWriter, r *http.Request, answer *http.Response) bool {
	if answer != nil || r.Method != http.MethodPost {
		return false
	}
	http.Error(w, "planted", http.StatusInternalServerError)
	return true
}

func isSlow(_ http.ResponseWriter, _ *http.Request, answer *http.Response) bool {
	if answer == nil {
		time.Sleep(time.Second)
	}
	return false
}

// toUsers hides a fault from k8s/canary's own requests to the canary.
func toUsers(fault fault) fault {
	return func(w http.ResponseWriter, r *http.Request, answer *http.Response) bool {
		return r.Header.Get("x-bank-canary") == "" && fault(w, r, answer)
	}
}

// miscounts adds a cent to the answers of deposits and withdrawals.
func miscounts(_ http.ResponseWriter, r *http.Request, answer *http.Response) bool {
	if answer != nil && r.Method == http.MethodPost {
		more(answer, 1)
	}
	return false
}

// lies adds seven to every amount.
func lies(_ http.ResponseWriter, _ *http.Request, answer *http.Response) bool {
	if answer != nil {
		more(answer, 700)
	}
	return false
}

var balance = regexp.MustCompile(`"balance":"(\d+)\.(\d\d)"`)

func more(answer *http.Response, cents int) {
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return
	}
	body = balance.ReplaceAllFunc(body, func(found []byte) []byte {
		is, _ := strconv.Atoi(strings.Join(strings.Split(string(balance.ReplaceAll(found, []byte("$1.$2"))), "."), ""))
		return fmt.Appendf(nil, `"balance":"%d.%02d"`, (is+cents)/100, (is+cents)%100)
	})
	answer.Body = io.NopCloser(bytes.NewReader(body))
	answer.ContentLength = int64(len(body))
	answer.Header.Set("content-length", fmt.Sprint(len(body)))
}
