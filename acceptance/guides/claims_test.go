package guides_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// claims are the README's, sentence by sentence, each with the tests that show it.
var claims = []struct {
	text  string // from the README
	tests string // separated by spaces
}{
	{"for as long as the job runs", "TestLong TestSixHourJobWithOutages TestExecServesForTheWholeJob"},
	{"when the job runs long, or needs a token for another service later, Entra refuses", "TestDemo TestPreloadBeforeAStaticAssertionExpires"},
	{"azoidc requests a new OIDC token for every exchange, and keeps access tokens fresh in the background", "TestANewScopeLateInALongJob TestRefreshLeavesNobodyWaiting"},
	{"See it fail and work, on a local cloud, with nothing but Go installed", "TestDemo TestPicture"},
	{"Test it, without a network", "TestLocalAzure"},
	{"`uses: azoidc/azoidc@v0`", "TestLong TestWorkflows"},
	{"`template: templates/azoidc.yml@azoidc`", "TestSteps TestTemplatesAreValid"},
	{"binary with its checksum", "TestDownload TestReleaseIsTheActions TestProgramOfTheRelease"},
	{"every client of the Azure SDK for Go takes them", "TestPrograms TestClientsOverSockets"},
	{"`NewAssertionCredential` for assertions from anywhere, `NewOnBehalfOfCredential` for a user who called this program", "TestCommandAssertion TestOnBehalfOf"},
	{"They step aside in `azidentity.NewChainedTokenCredential` outside of CI, as azidentity's own credentials do", "TestOutsideGitHubActionsTheCredentialIsUnavailable TestOutsideOfAzurePipelines"},
	{"`NewDefaultCredential` says what is missing instead of going on to whoever else is signed in on that machine", "TestAJobThatIsNotSetUpStopsTheDefaultChain"},
	{"yes; a retry sends the old one", "TestWhichTokenARetryPresents"},
	{"yes, retries too", "TestWhichTokenARetryPresents TestAPassingFaultIsSurvived"},
	{"hashicorp's SDK", "TestPeers"},
	{"two round trips from cold instead of four", "TestColdStartTakesTwoRoundTrips TestAzidentityTakesFourRoundTrips"},
	{"a hit 32 times faster", "TestFigures BenchmarkHit"},
	{"no error and no wait in six hours with outages", "TestSixHourJobWithOutages TestSixHourJobWithOutagesOnAzidentity"},
	{"an application, or a user-assigned managed identity, needs a *federated identity credential* for it", "TestShell TestCommandsAreReadable"},
	{"For Azure Pipelines, a service connection with workload identity federation does the same", "TestAzurePipelinesCredential"},
	{"says which issuer, subject and audience the credential must hold, with the command that creates it", "TestShell TestDoctorToldWhatToCreate TestARefusalSaysWhatItIsAndWhatToDo"},
	{"`Preload` acquires tokens for all scopes at once, in two round trips", "TestColdStartTakesTwoRoundTrips TestReadme"},
	{"finds out about a missing permission at the start of the job instead of in its middle", "TestNothingIsDeployed TestPreloadJoinsErrorsByScope"},
	{"are written as the SDK's clients ask for them", "TestScopesAreWhatClientsAskFor"},
	{"so that even an idle program never waits", "TestKeepFreshServesAnIdleProgram TestKeepFreshOutlivesAnOutage"},
	{"a token that is due is refreshed behind the first request that finds it so", "TestRefreshLeavesNobodyWaiting"},
	{"`azoidc.StaticAssertion(jwt)` with `Preload` makes the best of it", "TestPreloadBeforeAStaticAssertionExpires"},
	{"A file, a command and any function that returns a JWT can be the source, too", "TestFileAssertionIsReadAnew TestCommandAssertion TestClientAssertionCredential"},
	{"puts the same cache in front of any other credential", "TestAnyNumberOfCallersShareOneFlight TestInvalidateReachesACacheBehindTheCache"},
	{"What they all speak is managed identity, so azoidc gives them that, on loopback", "TestManagedIdentity TestServerIsOnLoopback"},
	{"Tried for jobs far longer than an OIDC token lives", "TestManagedIdentity TestTerraformGuide"},
	{"For CI systems other than these two", "TestOtherCISystems TestOtherCIsAreInTheTable"},
	{"is the same endpoint as an `http.Handler`, for any credential", "TestNewWithoutCredential TestIdentityHasItsOwnAddress"},
	{"Each exchange, retries included, presents an OIDC token that was requested for it", "TestWhichTokenARetryPresents TestAPassingFaultIsSurvived TestAStaleAssertionIsRenewedOnce"},
	{"From cold, a token takes two round trips; so do 64 of them", "TestColdStartTakesTwoRoundTrips"},
	{"A hit takes no lock and no allocation", "TestAHitAllocatesNothing BenchmarkHitParallel"},
	{"One acquisition for any number of callers", "TestAnyNumberOfCallersShareOneFlight TestAllCallersShareAFailureAndTheNextStartsAnew"},
	{"No scope waits for another", "TestAHangingScopeDelaysNoOther TestNoScopeWaitsForAnotherInTheChain"},
	{"Every call ends with its context", "TestTheFirstCallersLeavingHarmsNobody TestCanceledAndDeadlineExceededSurvive"},
	{"six hours with five-minute outages each half hour bring no error and no wait", "TestSixHourJobWithOutages"},
	{"`429` and `Retry-After` are obeyed, for all scopes of the credential in that tenant", "TestA429FromEntraHoldsBackAllScopes TestA429IsForItsTenant TestACooldownIsForItsTenant"},
	{"a refresh is tried before its token ends all the same", "TestKeepFreshTriesAgainWhenCallersWouldWait TestADayOfTroubles"},
	{"No secret is in any error, log line or printed value", "TestNothingSecretInAnyExportedValue TestNoSecretIsPrinted TestEchoesOfSecrets"},
	{"nothing that comes from outside can command the job", "TestHostileServices TestHostileSurroundings TestHostileChain FuzzGate"},
	{"Errors say what was presented and what to do next", "TestARefusalSaysWhatItIsAndWhatToDo TestEveryCodeAdvises TestGoldenMessages"},
	{"which checks what they check and refuses as they do", "TestEntraRefusal TestServicesDemandTheirOwnTokens"},
	{"Let legs fail, hang or throttle; see what was asked; run hours in no time with `testing/synctest`; or serve it over TLS", "TestFaults TestThrottle TestHoursInNoTime TestOtherProcesses"},
	{"code to copy, one file each, with tests", "TestEachWay TestOneCredentialForEachUser TestDeploy"},
	{"(now: 1.26), azidentity 1.15", "TestSupport"},
}

// plain are the README's sentences that claim nothing of this repository's, or nothing that a program could show.
var plain = []string{
	"a job proves who it is with an *OIDC token*", // Microsoft's and GitHub's
	"The OIDC token lives for minutes",
	"`go get github.com/azoidc/azoidc`",
	"and `az` | no: one, at the start", // read in its source
	"by hand | as you write it",
	"Each \"no\" was measured or read in the source",
	"Azure CLI, Terraform, AzCopy and the SDKs of other languages take a federated token once, and fail later", // PR and issues; their source
	"`FileAssertion`, `CommandAssertion`, `NewAssertionCredential`",
	"Questions and bugs go to the issues",
	"The module follows SemVer",
	"While it is v0, a minor version may change the API", // .ci/api
	"CHANGELOG.md says so in a line that begins with",
	"A patch version never does",
	"v1 comes when",
}

// TestReadmeClaimsAreTested: each sentence is one of claims, whose tests are there, or plain.
func TestReadmeClaimsAreTested(t *testing.T) {
	readme := oneLine(withoutBlocks(read(t, "README.md")))
	tests := allTests(t)
	for _, claim := range claims {
		require.Contains(t, readme, oneLine(claim.text), "the README doesn't say that any more")
		for _, test := range strings.Fields(claim.tests) {
			require.True(t, tests[test], "%s isn't a test; it was named for %q", test, claim.text)
		}
	}
	for _, text := range plain {
		require.Contains(t, readme, text, "the README doesn't say that any more")
	}
	for _, sentence := range sentences(read(t, "README.md")) {
		if !isKnown(sentence) {
			t.Errorf("no test is named for: %s", sentence)
		}
	}
}

func isKnown(sentence string) bool {
	for _, claim := range claims {
		if strings.Contains(sentence, oneLine(claim.text)) {
			return true
		}
	}
	for _, text := range plain {
		if strings.Contains(sentence, text) {
			return true
		}
	}
	return false
}

var (
	space     = regexp.MustCompile(`\s+`)
	paragraph = regexp.MustCompile(`\n\s*\n|\n(?:- |\| )`)
	end       = regexp.MustCompile("[.;:] ([A-Z`*])")
	unclaimed = regexp.MustCompile("^(#|\\[!\\[|!\\[|> `|\\|?-|\\| for \\| \\||\\| \\|)")
)

func oneLine(text string) string { return space.ReplaceAllString(text, " ") }

// sentences are the text's, but for headings, badges, pictures, the section that leads to the guides, and heads of tables.
func sentences(page string) []string {
	before, rest, _ := strings.Cut(withoutBlocks(page), "\n## Guides\n")
	_, after, _ := strings.Cut(rest, "\n## ")
	page = before + "\n\n## " + after
	var all []string
	for _, text := range paragraph.Split(page, -1) {
		text = strings.TrimSpace(oneLine(text))
		if text == "" || unclaimed.MatchString(text) {
			continue
		}
		all = append(all, strings.Split(end.ReplaceAllString(text, "\x00$1"), "\x00")...)
	}
	return all
}

var testName = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)

// allTests are the names of all tests in the repository.
func allTests(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := os.ReadFile(path)
		for _, match := range testName.FindAllStringSubmatch(string(content), -1) {
			found[match[1]] = true
		}
		return err
	}))
	return found
}

// TestFigures: what the README says of BENCHMARKS.md is what stands there.
func TestFigures(t *testing.T) {
	readme, figures := oneLine(read(t, "README.md")), read(t, "BENCHMARKS.md")
	for _, figure := range []struct{ said, row string }{
		{`a hit (\d+) times faster`, `(?m)^\| hit, 16 scopes held \|.*\| (\d+) × \|$`},
		{`two round trips from cold instead of (four)`, `(?m)^\| round trips from cold, 1 scope \| 2 \| (4) \|`},
		{`for 16 scopes two instead of (\d+)`, `(?m)^\| round trips from cold, 16 scopes \| 2 \| (\d+) \|`},
		{`(no error and no wait) in six hours with outages`, `(?m)^\| six hours with outages, errors / worst wait \| (0 / 0 s) \|`},
	} {
		said := regexp.MustCompile(figure.said).FindStringSubmatch(readme)
		require.NotNil(t, said, figure.said)
		held := regexp.MustCompile(figure.row).FindStringSubmatch(figures)
		require.NotNil(t, held, figure.row)
		words := map[string]string{"four": "4", "no error and no wait": "0 / 0 s"}
		if digits, ok := words[said[1]]; ok {
			said[1] = digits
		}
		require.Equal(t, held[1], said[1], figure.said)
	}
}

// TestSupport: the versions that the README names are go.mod's.
func TestSupport(t *testing.T) {
	module, readme := read(t, "go.mod"), oneLine(read(t, "README.md"))
	for _, version := range []struct{ required, said string }{
		{`(?m)^go (\d+\.\d+)`, `\(now: (\d+\.\d+)\)`},
		{`sdk/azidentity v(\d+\.\d+)`, `azidentity (\d+\.\d+),`},
	} {
		required := regexp.MustCompile(version.required).FindStringSubmatch(module)
		said := regexp.MustCompile(version.said).FindStringSubmatch(readme)
		require.NotNil(t, required)
		require.NotNil(t, said)
		require.Equal(t, required[1], said[1])
	}
	ci := read(t, ".github/workflows/ci.yml")
	for _, runner := range []string{"ubuntu-latest", "macos-latest", "windows-latest"} {
		require.Contains(t, ci, runner)
	}
}
