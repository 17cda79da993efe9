package local

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) is(t *testing.T, status int) answer {
	t.Helper()
	if a.status != status {
		t.Errorf("%d was expected, not %d %s", status, a.status, a.body)
	}
	return a
}

func send(t *testing.T, client *http.Client, request *http.Request, identity string) answer {
	t.Helper()
	// The map keeps the name as it is written. Go's Set would make it User-Id.
	request.Header[identity] = []string{"chart"}
	response, err := client.Do(request)
	if err != nil {
		return answer{body: err.Error()}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{body: err.Error()}
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

func get(t *testing.T, client *http.Client, url, identity string) answer {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return send(t, client, request, identity)
}

func deposit(t *testing.T, client *http.Client, url, identity string) answer {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, url+"/v1/deposit", strings.NewReader(`{"amount":"10.50"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("content-type", "application/json")
	return send(t, client, request, identity)
}
