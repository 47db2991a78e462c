package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/learnscape/learnscape/internal/api"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/tenants"
)

// Line is a line of the own organization's log.
type Line struct {
	Number  int64          `json:"number,omitempty" doc:"In the organization's own count; absent while it waits for its seal"`
	At      time.Time      `json:"at" doc:"To the microsecond, as it is sealed"`
	Actor   string         `json:"actor" doc:"member, or the part of the product that did it"`
	Member  string         `json:"member,omitempty" format:"uuid"`
	Name    string         `json:"name,omitempty" doc:"Of the member, today"`
	Action  string         `json:"action"`
	Object  string         `json:"object" doc:"kind:id"`
	Detail  map[string]any `json:"detail" doc:"With the token, where a program did it"`
	Request string         `json:"request,omitempty" doc:"X-Request-Id of the request"`
}

func (o *ops) log(a *api.API) {
	api.Register(a, api.Op{
		ID: "list-log", Method: http.MethodGet, Path: "/log", Room: "Log", Summary: "Who did what in the own organization, newest first", Action: authz.ReadLog,
	}, func(ctx context.Context, in *struct {
		api.Paging

		Who          string    `query:"who" maxLength:"100" doc:"In a member's name or address"`
		Topic        string    `query:"topic" maxLength:"40" doc:"sign_in, people, content, sharing, network, exports or settings"`
		Object       string    `query:"object" maxLength:"200" doc:"kind:id"`
		Organization string    `query:"organization" maxLength:"63" doc:"What happened to the connection with it, by slug"`
		From         time.Time `query:"from" doc:"The first day"`
		Until        time.Time `query:"until" doc:"The last day"`
	},
	) (*out[api.Page[Line]], error) {
		if in.Topic != "" && !slices.Contains(tenants.LogTopics(), in.Topic) {
			return nil, errs.Fields(errs.Field{Name: "topic", Key: "api.choose"})
		}
		f := tenants.LogFilter{Who: in.Who, Topic: in.Topic, Object: in.Object, With: in.Organization, From: day(in.From), Until: day(in.Until), Limit: in.Limit}
		at, err := in.Position(2)
		if err != nil {
			return nil, err
		}
		if at != nil {
			t, terr := time.Parse(time.RFC3339Nano, at[0])
			skip, serr := strconv.Atoi(at[1])
			if terr != nil || serr != nil || skip < 0 {
				return nil, api.BadCursor()
			}
			f.After, f.Skip = &t, skip
		}
		v, err := o.svc.Log(ctx, f)
		return answer(api.Pages(v.Lines, v.More, line, func(tenants.LogLine) []string {
			t, skip := v.Next(f)
			return []string{t.UTC().Format(time.RFC3339Nano), strconv.Itoa(skip)}
		}), err)
	})
}

func line(l tenants.LogLine) Line {
	x := Line{Number: l.N, At: l.At.UTC(), Actor: l.Actor, Name: l.Name, Action: l.Action, Object: l.Object, Request: l.Request}
	if !l.Membership.IsZero() {
		x.Member = l.Membership.String()
	}
	_ = json.Unmarshal(l.Detail, &x.Detail) // It is an object of the database's.
	return x
}

// day is the day of a time, UTC; nil for none.
func day(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	d := t.UTC().Truncate(24 * time.Hour)
	return &d
}
