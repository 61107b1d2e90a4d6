package advice_test

import (
	"testing"

	"github.com/azoidc/azoidc/internal/testbed"
)

func TestMain(m *testing.M) { testbed.Run(m) }
