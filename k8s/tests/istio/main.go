// Command istio asks istiod what the proxy of a pod asks, and prints the answers: listeners, clusters and routes, as JSON.
//
//	istio ADDRESS NODE METADATA
//
// NODE is TYPE~IP~POD.NAMESPACE~NAMESPACE.svc.cluster.local, METADATA the node's, as JSON.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
	// A message can be printed only if its type is linked in: these are the types that listeners may hold.
	_ "github.com/cncf/xds/go/udpa/type/v1"
	_ "istio.io/api/envoy/extensions/stats"
	_ "istio.io/istio/pkg/config/xds"
)

const types = "type.googleapis.com/envoy.config."

func main() {
	told, err := ask(os.Args[1], os.Args[2], os.Args[3])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(told)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func ask(address, node, metadata string) (map[string][]json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	stream, err := discovery.NewAggregatedDiscoveryServiceClient(connection).StreamAggregatedResources(ctx)
	if err != nil {
		return nil, err
	}
	var meta structpb.Struct
	if err := protojson.Unmarshal([]byte(metadata), &meta); err != nil {
		return nil, err
	}
	resources := fetcher(stream, &core.Node{Id: node, Metadata: &meta})
	told := map[string][]json.RawMessage{}
	for what, kind := range map[string]string{"clusters": "cluster.v3.Cluster", "listeners": "listener.v3.Listener"} {
		found, err := resources(kind)
		if err != nil {
			return nil, err
		}
		if told[what], err = written(found); err != nil {
			return nil, err
		}
		if what == "listeners" {
			routes, err := routesOf(found)
			if err != nil || len(routes) == 0 {
				return told, err
			}
			if found, err = resources("route.v3.RouteConfiguration", routes...); err != nil {
				return nil, err
			}
			if told["routes"], err = written(found); err != nil {
				return nil, err
			}
		}
	}
	return told, nil
}

// fetcher asks for all resources of a kind, or for those with these names.
func fetcher(stream discovery.AggregatedDiscoveryService_StreamAggregatedResourcesClient, self *core.Node) func(string, ...string) ([]*anypb.Any, error) {
	return func(kind string, names ...string) ([]*anypb.Any, error) {
		err := stream.Send(&discovery.DiscoveryRequest{Node: self, TypeUrl: types + kind, ResourceNames: names})
		for err == nil {
			var answer *discovery.DiscoveryResponse
			// istiod may push what was requested before.
			if answer, err = stream.Recv(); err == nil && answer.TypeUrl == types+kind {
				return answer.Resources, nil
			}
		}
		return nil, err
	}
}

// routesOf lists the names of the routes that listeners refer to.
func routesOf(listeners []*anypb.Any) ([]string, error) {
	var names []string
	for _, resource := range listeners {
		var each listener.Listener
		if err := resource.UnmarshalTo(&each); err != nil {
			return nil, err
		}
		for _, chain := range append(each.FilterChains, each.DefaultFilterChain) {
			for _, filter := range chain.GetFilters() {
				var manager hcm.HttpConnectionManager
				if filter.GetTypedConfig().MessageIs(&manager) {
					if err := filter.GetTypedConfig().UnmarshalTo(&manager); err != nil {
						return nil, err
					}
					if name := manager.GetRds().GetRouteConfigName(); name != "" && !slices.Contains(names, name) {
						names = append(names, name)
					}
				}
			}
		}
	}
	return names, nil
}

func written(resources []*anypb.Any) ([]json.RawMessage, error) {
	var all []json.RawMessage
	for _, resource := range resources {
		text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(resource)
		if err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, nil
}
