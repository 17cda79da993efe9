// Package getter stands where hashicorp/go-getter would be, with which trivy downloads modules from elsewhere: this one downloads nothing.
// The real one brings the clients of AWS, Google Cloud and gRPC, which are half of what there would be to compile.
package getter

import (
	"context"
	"errors"
)

// What trivy names (pkg/iac/scanners/terraform/parser/resolvers/remote.go).
type (
	Getter     any
	FileGetter struct{ Copy bool }
	ClientMode uint
	Client     struct {
		Ctx           context.Context
		Src, Dst, Pwd string
		Mode          ClientMode
		Getters       map[string]Getter
	}
)

const ClientModeAny ClientMode = 0

var Getters map[string]Getter

func (client Client) Get() error {
	return errors.New("nothing is downloaded: " + client.Src)
}
