package main

import (
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// The same program, that signs in and lists nothing, with azidentity alone and with azoidc.
const program = `package main

import (
	"context"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	%q
)

func main() {
	cred, err := %s
	if err == nil {
		_, err = cred.GetToken(context.Background(), policy.TokenRequestOptions{Scopes: []string{"https://vault.azure.net/.default"}})
	}
	fmt.Println(err)
}
`

var programs = []struct{ name, text string }{
	{"azidentity", fmt.Sprintf(program, "github.com/Azure/azure-sdk-for-go/sdk/azidentity", "azidentity.NewDefaultAzureCredential(nil)")},
	{"azoidc", fmt.Sprintf(program, "github.com/azoidc/azoidc", "azoidc.NewDefaultCredential(nil)")},
}

// weigh builds both programs: how large they are, how many modules are in them, and how long they take to build, from an empty
// cache and after a change to the program itself. A short run uses the cache that there is.
func weigh(f figures, short bool) error {
	folder, err := os.MkdirTemp("", "azoidc-weight-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	for _, p := range programs {
		source, binary := filepath.Join(folder, p.name+".go"), filepath.Join(folder, p.name)
		var env []string
		if !short {
			env = []string{"GOCACHE=" + filepath.Join(folder, "cache-"+p.name)}
		}
		for _, build := range []string{"first", "again"} {
			if err := os.WriteFile(source, []byte(p.text+"// "+build+"\n"), 0o600); err != nil {
				return err
			}
			took, err := timeBuild(source, binary, env)
			if err != nil {
				return err
			}
			f["weight "+p.name+" "+build+" s"] = took.Seconds()
		}
		info, err := os.Stat(binary)
		if err != nil {
			return err
		}
		f["weight "+p.name+" MiB"] = float64(info.Size()) / (1 << 20)
		built, err := buildinfo.ReadFile(binary)
		if err != nil {
			return err
		}
		f["weight "+p.name+" modules"] = float64(len(built.Deps))
		if p.name == "azoidc" {
			f["weight azoidc modules"]++ // here it's the main module, elsewhere one of those that are required
		}
	}
	return nil
}

func timeBuild(source, binary string, env []string) (time.Duration, error) {
	command := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, source)
	command.Env = append(os.Environ(), append(env, "CGO_ENABLED=0")...)
	began := time.Now()
	if said, err := command.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%w: %s", err, said)
	}
	return time.Since(began), nil
}
