//go:build !linux

package main

import (
	"context"
	"errors"
)

func runDemo(context.Context, *env, []string) error {
	return errors.New("the demonstration runs on Linux only; serve runs wherever Go does")
}
