package cluster

import (
	"context"
	"testing"
)

func TestTheChartOnAControlPlane(t *testing.T) {
	plane := start(t)
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	plane.operate(ctx)
	for _, test := range []struct {
		name string
		run  func(*Plane)
	}{
		{"the operator makes what the real one makes", operatorMakesWhatTheRealOneMakes},
		{"the operator denies what the real one denies", operatorDeniesWhatTheRealOneDenies},
		{"the operator's null is refused by its own definition", nullIsRefused},
		{"what GitOps applies does not drift until somebody changes it", whatGitOpsAppliesDoesNotDrift},
		{"every overlay runs in a namespace that enforces restricted", everyOverlayRuns},
		{"a Redis that is away takes no pod out of the Service", probesAskNoStore},
		{"an autoscaled Deployment is brought to its minimum", autoscalerBringsTheMinimum},
		{"disruption budgets guard the pods", budgetsGuardThePods},
		{"Redis has its claim", redisHasItsClaim},
		{"nobody is let through but who must be", nobodyElseIsLetThrough},
		{"users come in through the ingress controller's namespace", usersComeInThroughTheController},
		{"pods get what a SpinApp can not say", podsGetWhatASpinAppCanNotSay},
		{"without the pod policy restricted refuses the application", withoutThePolicyPodsAreRefused},
		{"without its RuntimeClass no pod is accepted", withoutItsRuntimeClassNoPodIsAccepted},
		{"every option is accepted", everyOptionIsAccepted},
		{"the application's ServiceAccount can do nothing", serviceAccountCanDoNothing},
		{"helm test is admitted", helmTestIsAdmitted},
		{"an upgrade keeps the password and the claim", upgradeKeepsThePasswordAndTheClaim},
		{"turning autoscaling on takes no pod away", turningAutoscalingOnTakesNoPodAway},
		{"a password alone is enough", aPasswordAloneIsEnough},
		{"the claim is enlarged by the commands that the chart prints", theClaimIsEnlargedByTheCommandsThatTheChartPrints},
		{"a new password is made when asked for, and the old one taken for a while", aNewPasswordIsMadeWhenAskedForAndTheOldOneTakenForAWhile},
		{"a Secret that the chart made is not deleted when it is named", aSecretThatTheChartMadeIsNotDeleted},
		{"a self-signed certificate is kept until its host or its date changes", aSelfSignedCertificateIsKeptWhileItIsRight},
		{"an upgrade that would make another Redis is refused", anUpgradeToAnotherRedisIsRefused},
		{"a rollback brings back a Redis that was never Ready", aRollbackBringsRedisBack},
		{"a password that is lost starts Redis and the application anew", aPasswordThatIsLostStartsRedisAndTheApplicationAnew},
		{"a password of yours that changes starts Redis and the application anew", aPasswordOfYoursThatChangesStartsRedisAndTheApplicationAnew},
		{"the old password ends with the upgrade after a rotation", theOldPasswordEndsWithTheUpgradeAfterARotation},
		{"an object that is still named is not deleted", anObjectThatIsStillNamedIsNotDeleted},
		{"the money is not left behind unasked", theMoneyIsNotLeftBehindUnasked},
		{"deleting the manifests as they say leaves the money", deletingTheManifestsAsTheySayLeavesTheMoney},
		{"the lines of docs/start.md install it with SpinKube, and a restore stops it and starts it again", thePagesLinesInstallIt},
		{"uninstalling leaves the claim, its password and nothing else", uninstallingLeavesTheClaimAndThePassword},
		{"one runtime is not taken for the other", oneRuntimeIsNotTakenForTheOther},
		{"make deploy says what is missing and changes nothing", deploySaysWhatIsMissing},
		{"make deploy stops where Helm can not tell what is there", deployStopsWhereHelmCanNotTellWhatIsThere},
		{"make deploy stops where the template fails", deployStopsWhereTheTemplateFails},
		{"make deploy takes an installation back that fails", deployTakesAnInstallationBackThatFails},
		{"make deploy says why a rollout fails", deploySaysWhyARolloutFails},
		{"make deploy installs and make undeploy leaves the money", deployInstallsAndUndeployLeavesTheMoney},
		{"make deploy says when there is no SpinKube", deploySaysWhenThereIsNoSpinKube},
		{"runtime bank needs no SpinKube", bankNeedsNoSpinKube},
		{"turning autoscaling on takes no pod of bank away", turningAutoscalingOnTakesNoPodOfBankAway},
		{"on bank SQLite keeps its claim", onBankSQLiteKeepsItsClaim},
		{"make deploy needs no SpinKube for bank", deployNeedsNoSpinKubeForBank},
	} {
		// Later ones build on earlier ones.
		if !t.Run(test.name, func(t *testing.T) { test.run(plane.of(t)) }) {
			break
		}
	}
}
