//go:build !live

package scenarios_test

const live = false
