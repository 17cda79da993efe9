//go:build node

package node

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// clients deposit over kept connections until they are told to end. What is not answered with 200 they retry under its
// idempotency key, as the README says, and count as failed.
type clients struct {
	*Node
	stop chan struct{}
	done sync.WaitGroup
	each []*client
}

type client struct {
	address, user string
	connection    net.Conn
	reader        *bufio.Reader
	paid, dialled int
	slowest       time.Duration
	failures      []failure
	answered      []time.Time
}

type failure struct {
	at  time.Time
	why string
}

// Their number; issue 18.
const connections = 16

func (n *Node) clients() *clients {
	n.Helper()
	c := &clients{Node: n, stop: make(chan struct{})}
	address, run := n.service(), time.Now().UnixNano()
	for index := range connections {
		each := &client{address: address, user: fmt.Sprintf("client-%d-%d", run, index)}
		c.each = append(c.each, each)
		c.done.Go(func() { each.deposits(c.stop) })
	}
	return c
}

func (c *client) deposits(stop chan struct{}) {
	for number := 0; ; {
		select {
		case <-stop:
			return
		default:
		}
		began := time.Now()
		status, text, err := c.ask(http.MethodPost, "/v1/deposit", fmt.Sprintf("%s-%d", c.user, number), `{"amount":"1.00"}`)
		c.slowest = max(c.slowest, time.Since(began))
		if err == nil && status == http.StatusOK {
			c.answered = append(c.answered, time.Now())
			number++
			c.paid++
			// The clients leave processor time for the node's own work.
			time.Sleep(10 * time.Millisecond)
			continue
		}
		c.failures = append(c.failures, failure{time.Now(), fmt.Sprintf("%d %v %s", status, err, text)})
		time.Sleep(50 * time.Millisecond)
	}
}

// ask sends on the open connection. Go's own client would hide a connection that was cut, and retry.
func (c *client) ask(method, path, key, body string) (int, string, error) {
	if c.connection == nil {
		connection, err := net.DialTimeout("tcp", c.address, 5*time.Second)
		if err != nil {
			return 0, "", err
		}
		c.connection, c.reader = connection, bufio.NewReader(connection)
		c.dialled++
	}
	request, err := http.NewRequest(method, "http://"+c.address+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header = http.Header{"User-Id": {c.user}, "Content-Type": {"application/json"}}
	if key != "" {
		request.Header.Set("idempotency-key", key)
	}
	_ = c.connection.SetDeadline(time.Now().Add(20 * time.Second))
	answer, text, err := c.exchange(request)
	if err != nil || answer.Close {
		c.connection.Close()
		c.connection = nil
	}
	if err != nil {
		return 0, "", err
	}
	return answer.StatusCode, text, nil
}

func (c *client) exchange(request *http.Request) (*http.Response, string, error) {
	if err := request.Write(c.connection); err != nil {
		return nil, "", err
	}
	answer, err := http.ReadResponse(c.reader, request)
	if err != nil {
		return nil, "", err
	}
	text, err := io.ReadAll(answer.Body)
	return answer, string(text), err
}

// end waits for requests in flight, and checks that each acknowledged deposit was posted once.
func (c *clients) end() {
	c.Helper()
	// A client that waits to retry does so meanwhile.
	time.Sleep(time.Second)
	close(c.stop)
	c.done.Wait()
	for _, each := range c.each {
		status, text, err := each.ask(http.MethodGet, "/v1/wallet", "", "")
		var wallet struct {
			Balance string
			Seq     int
		}
		if err != nil || json.Unmarshal([]byte(text), &wallet) != nil || wallet.Seq < each.paid || wallet.Seq > each.paid+1 || wallet.Balance != fmt.Sprintf("%d.00", wallet.Seq) {
			c.Errorf("%s deposited %d.00: %d %s %v", each.user, each.paid, status, text, err)
		}
		if each.connection != nil {
			each.connection.Close()
		}
	}
}
