package spinkube

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Port is where every application listens.
const Port = 80

// Environment returns the variables of the application's container.
func (a *SpinApp) Environment(otel *OtelConfig) ([]corev1.EnvVar, error) {
	var environment []corev1.EnvVar
	add := func(name, value string) {
		environment = append(environment, corev1.EnvVar{Name: name, Value: value})
	}
	for _, variable := range a.Spec.Variables {
		environment = append(environment, corev1.EnvVar{Name: "SPIN_VARIABLE_" + strings.ToUpper(variable.Name),
			Value: variable.Value, ValueFrom: variable.ValueFrom})
	}
	add("SPIN_HTTP_LISTEN_ADDR", fmt.Sprintf("0.0.0.0:%d", Port))
	if otel != nil {
		for _, endpoint := range [][2]string{{"", otel.ExporterOtlpEndpoint}, {"TRACES_", otel.ExporterOtlpTracesEndpoint},
			{"METRICS_", otel.ExporterOtlpMetricsEndpoint}, {"LOGS_", otel.ExporterOtlpLogsEndpoint}} {
			if endpoint[1] != "" {
				add("OTEL_EXPORTER_OTLP_"+endpoint[0]+"ENDPOINT", endpoint[1])
			}
		}
	}
	if limit, limited := a.Spec.InvocationLimits["memory"]; limited {
		quantity, err := resource.ParseQuantity(limit)
		if err != nil {
			return nil, err
		}
		add("SPIN_MAX_INSTANCE_MEMORY", strconv.FormatInt(quantity.Value(), 10))
	}
	if a.Spec.Components != nil {
		add("SPIN_COMPONENTS_TO_RETAIN", strings.Join(a.Spec.Components, ","))
	}
	return environment, nil
}

// Source reads the option that a reference names.
type Source func(*OptionSource) (string, error)

// RuntimeConfig returns the file that the operator mounts for the shim. It is empty where the application brings a Secret of
// its own.
func (a *SpinApp) RuntimeConfig(read Source) ([]byte, error) {
	config := a.Spec.RuntimeConfig
	if config.LoadFromSecret != "" {
		return nil, nil
	}
	type provider struct {
		Type   string `toml:"type,omitempty"`
		Prefix string `toml:"prefix,omitempty"`
	}
	file := struct {
		Variables []provider                   `toml:"config_provider,omitempty"`
		Stores    map[string]map[string]string `toml:"key_value_store,omitempty"`
		Databases map[string]map[string]string `toml:"sqlite_database,omitempty"`
		Compute   map[string]string            `toml:"llm_compute,omitempty"`
	}{Variables: []provider{{"env", "SPIN_VARIABLE_"}}}
	var err error
	if file.Stores, err = named("key value store", config.KeyValueStores, read); err != nil {
		return nil, err
	}
	if file.Databases, err = named("sqlite database", config.SqliteDatabases, read); err != nil {
		return nil, err
	}
	if compute := config.LLMCompute; compute != nil {
		if file.Compute, err = options(compute.Type, compute.Options, read); err != nil {
			return nil, err
		}
	}
	return toml.Marshal(file)
}

func named(what string, configs []NamedConfig, read Source) (map[string]map[string]string, error) {
	all := map[string]map[string]string{}
	for _, config := range configs {
		if _, twice := all[config.Name]; twice {
			return nil, fmt.Errorf("duplicate definition for %s with name: %s", what, config.Name)
		}
		set, err := options(config.Type, config.Options, read)
		if err != nil {
			return nil, err
		}
		all[config.Name] = set
	}
	return all, nil
}

// options returns a store's options. A reference to a missing key is an empty value; one to a missing object is an
// error.
func options(kind string, list []Option, read Source) (map[string]string, error) {
	set := map[string]string{"type": kind}
	for _, option := range list {
		set[option.Name] = option.Value
		if option.Value != "" || option.ValueFrom == nil {
			continue
		}
		value, err := read(option.ValueFrom)
		if err != nil {
			return nil, err
		}
		set[option.Name] = value
	}
	return set, nil
}
