package main

import (
	"context"
	"errors"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/cmd/learnscape/portal"
)

// runOperator prints a fresh code with which somebody becomes an operator: whoever reaches the command line has the database already.
func runOperator(ctx context.Context, e *env, args []string) error {
	if len(args) != 1 || args[0] != "code" {
		return usageError{errors.New("use: learnscape operator " + commands()["operator"].usage)}
	}
	return e.withPortal(ctx, func(p *portal.Portal, _ Config) error {
		if p.Auth.OperatorURL("") == "" {
			return errors.New("LEARNSCAPE_OPERATOR_HOST says that there are no operators' pages")
		}
		code, err := p.Auth.NewOperatorCode(auth.AtDesk(ctx))
		if err != nil {
			return err
		}
		e.printf("Whoever opens this becomes an operator, once, within %d hours; what was printed before no longer works:\n%s\n", int(auth.OperatorCodeFor.Hours()), p.Auth.OperatorURL("/host/code/"+code))
		return nil
	})
}
