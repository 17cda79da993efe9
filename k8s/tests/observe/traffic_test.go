package observe

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Texts that must not appear in any signal.
const (
	secretUser   = "observed-user"
	secretKey    = "observed-key"
	secretAmount = "31.41592653"
)

var client = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// ask sends a request and forgets the answer.
func ask(method, url, user, key, body string) int {
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return 0
	}
	if user != "" {
		request.Header.Set("user_id", user)
	}
	if key != "" {
		request.Header.Set("idempotency-key", key)
	}
	if body != "" {
		request.Header.Set("content-type", "application/json")
	}
	answer, err := client.Do(request)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

// sendMixed sends one request of a mix of all kinds.
func sendMixed(bank string, number int) {
	user, amount := fmt.Sprintf("%s-%d", secretUser, number%50), `{"amount":"`+secretAmount+`"}`
	key := fmt.Sprintf("%s-%d", secretKey, number)
	switch number % 10 {
	case 0, 1, 2:
		ask("POST", bank+"/v1/deposit", user, key, amount)
	case 3:
		ask("POST", bank+"/v1/deposit", user, fmt.Sprintf("%s-%d", secretKey, number-1), amount)
		ask("POST", bank+"/v1/deposit", user, fmt.Sprintf("%s-%d", secretKey, number-1), amount)
	case 4:
		ask("POST", bank+"/v1/withdraw", user, key, amount)
	case 5:
		ask("POST", bank+"/v1/withdraw", user, key, `{"amount":"99999999"}`)
	case 6:
		ask("POST", bank+"/v1/bitcoins?bitcoins=1", "", "", "")
		ask("GET", bank+"/v1/wallet", user, "", "")
	case 7:
		ask("GET", bank+"/v1/rates", "", "", "")
		ask("GET", bank+"/v1/rates/usd", "", "", "")
	case 8:
		ask("GET", bank+"/v1/wallet/entries", user, "", "")
		ask("GET", bank+"/nowhere", "", "", "")
	case 9:
		ask("POST", bank+"/v1/counters/visits", "", "", `{"amount":"1"}`)
		ask("GET", bank+"/v1/convert?amount=1&from=btc&to=usd", "", "", "")
	}
}

// day is traffic that goes on until it is told to end.
type day struct {
	stop chan struct{}
	done sync.WaitGroup
}

// day starts this many clients, each with a pause after each request, and a probe of the banks' readiness each second.
func (h *House) day(clients int, pause time.Duration) *day {
	d := &day{stop: make(chan struct{})}
	var number atomic.Int64
	banks := h.banks
	for range clients {
		d.addClient(pause, func() { sendMixed(banks[rand.IntN(len(banks))], int(number.Add(1))) })
	}
	for _, bank := range banks {
		d.addClient(time.Second, func() { ask("GET", bank+"/readyz", "", "", "") })
	}
	return d
}

// addClient starts one more client, which acts again and again, with a pause before each time.
func (d *day) addClient(pause time.Duration, act func()) {
	d.done.Add(1)
	go func() {
		defer d.done.Done()
		for {
			select {
			case <-d.stop:
				return
			case <-time.After(pause):
				act()
			}
		}
	}()
}

func (d *day) end() {
	close(d.stop)
	d.done.Wait()
}
