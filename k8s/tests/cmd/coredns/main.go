//go:build node

// Command coredns is CoreDNS with the plugins that a cluster needs. It leaves out the clouds' plugins, whose clients take most of the
// time to compile.
package main

import (
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
)

func main() { coremain.Run() }
