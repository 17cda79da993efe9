package main

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"money-bank/cloud/tests/schemas"
)

// server answers the requests of a plan. The rest of the protocol is the embedded nil: nobody asks for it.
type server struct {
	tfprotov6.ProviderServer
	config    *tfprotov6.Schema
	resources map[string]*tfprotov6.Schema
	data      map[string]*tfprotov6.Schema
}

func newServer(provider schemas.Provider) (*server, error) {
	config, err := schema(provider.Config)
	if err != nil {
		return nil, err
	}
	s := &server{config: config, resources: map[string]*tfprotov6.Schema{}, data: map[string]*tfprotov6.Schema{}}
	for name, block := range provider.Resources {
		if s.resources[name], err = schema(block); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	for name, block := range provider.Data {
		if s.data[name], err = schema(block); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return s, nil
}

func (s *server) GetMetadata(context.Context, *tfprotov6.GetMetadataRequest) (*tfprotov6.GetMetadataResponse, error) {
	answer := &tfprotov6.GetMetadataResponse{}
	for name := range s.resources {
		answer.Resources = append(answer.Resources, tfprotov6.ResourceMetadata{TypeName: name})
	}
	for name := range s.data {
		answer.DataSources = append(answer.DataSources, tfprotov6.DataSourceMetadata{TypeName: name})
	}
	return answer, nil
}

func (s *server) GetProviderSchema(context.Context, *tfprotov6.GetProviderSchemaRequest) (*tfprotov6.GetProviderSchemaResponse, error) {
	return &tfprotov6.GetProviderSchemaResponse{Provider: s.config, ResourceSchemas: s.resources, DataSourceSchemas: s.data}, nil
}

func (s *server) GetResourceIdentitySchemas(context.Context, *tfprotov6.GetResourceIdentitySchemasRequest) (*tfprotov6.GetResourceIdentitySchemasResponse, error) {
	return &tfprotov6.GetResourceIdentitySchemasResponse{}, nil
}

func (s *server) GetFunctions(context.Context, *tfprotov6.GetFunctionsRequest) (*tfprotov6.GetFunctionsResponse, error) {
	return &tfprotov6.GetFunctionsResponse{}, nil
}

func (s *server) ValidateProviderConfig(_ context.Context, asked *tfprotov6.ValidateProviderConfigRequest) (*tfprotov6.ValidateProviderConfigResponse, error) {
	return &tfprotov6.ValidateProviderConfigResponse{PreparedConfig: asked.Config}, nil
}

func (s *server) ConfigureProvider(context.Context, *tfprotov6.ConfigureProviderRequest) (*tfprotov6.ConfigureProviderResponse, error) {
	return &tfprotov6.ConfigureProviderResponse{}, nil
}

func (s *server) StopProvider(context.Context, *tfprotov6.StopProviderRequest) (*tfprotov6.StopProviderResponse, error) {
	return &tfprotov6.StopProviderResponse{}, nil
}

func (s *server) ValidateResourceConfig(_ context.Context, asked *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	said, err := judged(asked.Config, s.resources[asked.TypeName])
	return &tfprotov6.ValidateResourceConfigResponse{Diagnostics: said}, err
}

func (s *server) ValidateDataResourceConfig(_ context.Context, asked *tfprotov6.ValidateDataResourceConfigRequest) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	said, err := judged(asked.Config, s.data[asked.TypeName])
	return &tfprotov6.ValidateDataResourceConfigResponse{Diagnostics: said}, err
}

func (s *server) PlanResourceChange(_ context.Context, asked *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	body := s.resources[asked.TypeName]
	proposed, err := asked.ProposedNewState.Unmarshal(body.ValueType())
	if err != nil {
		return nil, err
	}
	planned, err := unknown(proposed, body.Block)
	if err != nil {
		return nil, err
	}
	state, err := tfprotov6.NewDynamicValue(body.ValueType(), planned)
	return &tfprotov6.PlanResourceChangeResponse{PlannedState: &state, UnsafeToUseLegacyTypeSystem: true}, err
}

func (s *server) ApplyResourceChange(context.Context, *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	return &tfprotov6.ApplyResourceChangeResponse{Diagnostics: []*tfprotov6.Diagnostic{{
		Severity: tfprotov6.DiagnosticSeverityError, Summary: "The provider of the tests knows schemas alone: it applies nothing"}}}, nil
}

func (s *server) ReadDataSource(_ context.Context, asked *tfprotov6.ReadDataSourceRequest) (*tfprotov6.ReadDataSourceResponse, error) {
	body := s.data[asked.TypeName]
	config, err := asked.Config.Unmarshal(body.ValueType())
	if err != nil {
		return nil, err
	}
	answered, known := answers[asked.TypeName]
	if !known {
		return &tfprotov6.ReadDataSourceResponse{Diagnostics: []*tfprotov6.Diagnostic{{Severity: tfprotov6.DiagnosticSeverityError,
			Summary: "The tests have no answer for the data source " + asked.TypeName, Detail: "Write one into cloud/tests/provider/answers.go."}}}, nil
	}
	var values map[string]tftypes.Value
	if err := config.As(&values); err != nil {
		return nil, err
	}
	for name, value := range answered {
		values[name] = value
	}
	state, err := tfprotov6.NewDynamicValue(body.ValueType(), tftypes.NewValue(body.ValueType(), values))
	return &tfprotov6.ReadDataSourceResponse{State: &state}, err
}
