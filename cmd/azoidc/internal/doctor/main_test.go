package doctor

import (
	"testing"

	"github.com/azoidc/azoidc/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Run(m) }
