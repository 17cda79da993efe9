package trivy

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/aquasecurity/trivy/pkg/iac/terraform"
)

// What neither trivy nor checkov finds is asked here of the blocks that trivy evaluated. trivy's check of wildcards in policies, AWS-0057, is
// deprecated and does not run. Of ports that are open to the world its checks know those for administration, and 6379 is none.

// everywhere are the actions that may be allowed on all resources: AWS knows no resource for most of them. Where it is true, a condition must
// restrict them.
var everywhere = map[string]bool{
	"autoscaling:DescribeAutoScalingGroups": false, "autoscaling:DescribeAutoScalingInstances": false,
	"autoscaling:DescribeLaunchConfigurations": false, "autoscaling:DescribeScalingActivities": false,
	"autoscaling:SetDesiredCapacity": true, "autoscaling:TerminateInstanceInAutoScalingGroup": true,
	"ec2:DescribeImages": false, "ec2:DescribeInstanceTypes": false, "ec2:DescribeLaunchTemplateVersions": false,
	"ec2:GetInstanceTypesFromInstanceRequirements": false, "ecr:GetAuthorizationToken": false, "eks:DescribeNodegroup": false,
	"route53:ListHostedZones": false, "route53:ListTagsForResources": false,
}

// attachable are AWS' own policies that a role may have.
var attachable = []string{
	"AmazonEC2ContainerRegistryPullOnly", "AmazonEKSClusterPolicy", "AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy",
	"AmazonSSMManagedInstanceCore",
}

// wide is what a resource opens too far, as a finding: FILE:LINE, then "rights" or "addresses".
func wide(block *terraform.Block) []string {
	kind, subject, wrong := block.TypeLabel(), "rights", []string(nil)
	switch {
	case kind == "aws_iam_role_policy":
		wrong = wideRights(text(block, "policy"))
	case kind == "aws_iam_role_policy_attachment":
		if policy := text(block, "policy_arn"); !slices.Contains(attachable, path.Base(policy)) {
			wrong = []string{fmt.Sprintf("%q is attached", policy)}
		}
	case kind == "aws_iam_role":
		if block.GetBlock("inline_policy").IsNotNil() || block.GetAttribute("managed_policy_arns").IsNotNil() {
			wrong = []string{"they are written where this test does not read them"}
		}
	case kind == "aws_iam_openid_connect_provider":
	case strings.HasPrefix(kind, "aws_iam_"):
		wrong = []string{"this test does not know this kind"}
	case strings.Contains(kind, "security_group"):
		subject, wrong = "addresses", wideAddresses(block)
	}
	if len(wrong) == 0 {
		return nil
	}
	at := block.GetMetadata().Range()
	return []string{fmt.Sprintf("%s:%d %s of %s: %s", at.GetFilename(), at.GetStartLine(), subject, kind, strings.Join(wrong, "; "))}
}

// text is empty if trivy could not evaluate the attribute.
func text(block *terraform.Block, name string) string {
	attribute := block.GetAttribute(name)
	if attribute.IsNil() || !attribute.IsString() || !attribute.Value().IsKnown() || attribute.Value().IsNull() {
		return ""
	}
	return attribute.Value().AsString()
}

// many is what a policy may write as one text or as a list.
type many []string

func (m *many) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*m = many{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(m))
}

func wideRights(policy string) []string {
	var read struct {
		Statement []struct {
			Effect                 string
			Action, Resource       many
			NotAction, NotResource any
			Condition              map[string]any
		}
	}
	if err := json.Unmarshal([]byte(policy), &read); err != nil || len(read.Statement) == 0 {
		return []string{fmt.Sprintf("a policy that cannot be read: %v", err)}
	}
	var wrong []string
	for _, statement := range read.Statement {
		if statement.Effect == "Deny" {
			continue
		}
		if statement.NotAction != nil || statement.NotResource != nil {
			wrong = append(wrong, "all but a few")
		}
		for _, action := range statement.Action {
			condition, may := everywhere[action]
			switch {
			case strings.ContainsAny(action, "*?"):
				wrong = append(wrong, action+": a wildcard")
			case !slices.Contains(statement.Resource, "*"):
			case !may:
				wrong = append(wrong, action+" on all resources")
			case condition && len(statement.Condition) == 0:
				wrong = append(wrong, action+" on all resources, without a condition")
			}
		}
	}
	return wrong
}

// wideAddresses are networks of more than a /8, in whatever attribute they are.
func wideAddresses(block *terraform.Block) []string {
	var wrong []string
	for _, attribute := range block.GetAttributes() {
		if !strings.Contains(attribute.Name(), "cidr") {
			continue
		}
		value := attribute.Value()
		if !value.IsWhollyKnown() {
			wrong = append(wrong, attribute.Name()+" cannot be read")
			continue
		}
		networks := []string{}
		if attribute.IsString() && !value.IsNull() {
			networks = append(networks, value.AsString())
		} else if attribute.IsIterable() {
			for _, network := range value.AsValueSlice() {
				networks = append(networks, network.AsString())
			}
		}
		for _, network := range networks {
			if prefix, err := netip.ParsePrefix(network); err != nil || prefix.Bits() < 8 {
				wrong = append(wrong, network)
			}
		}
	}
	for _, inner := range block.AllBlocks() {
		wrong = append(wrong, wideAddresses(inner)...)
	}
	return wrong
}
