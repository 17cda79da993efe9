package main

import "github.com/hashicorp/terraform-plugin-go/tftypes"

func text(value string) tftypes.Value { return tftypes.NewValue(tftypes.String, value) }

func texts(values ...string) tftypes.Value {
	list := make([]tftypes.Value, len(values))
	for i, value := range values {
		list[i] = text(value)
	}
	return tftypes.NewValue(tftypes.List{ElementType: tftypes.String}, list)
}

// What an account would answer to the data sources that the configurations read.
var answers = map[string]map[string]tftypes.Value{
	"aws_availability_zones": {"names": texts("us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d")},
	"aws_caller_identity":    {"account_id": text("123456789012")},
	"aws_partition":          {"partition": text("aws"), "dns_suffix": text("amazonaws.com")},
	"aws_region":             {"region": text("us-east-1"), "name": text("us-east-1")},
}
