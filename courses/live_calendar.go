package courses

import (
	"net/url"
	"time"

	ics "github.com/arran4/golang-ical"
)

// What is to be done with an invitation (RFC 5546, 1.4).
const (
	calendarRequest = ics.MethodRequest
	calendarCancel  = ics.MethodCancel
	calendarPublish = ics.MethodPublish
)

// invitation is a session as an iCalendar object (RFC 5545) for somebody who has a seat. Its identifier stays and its sequence grows, so that a
// calendar takes a change for what it is; times are UTC. Where people meet is not in it: that stands on the session's page, when it is time.
func (s *Service) invitation(a addressed, method ics.Method, now time.Time) string {
	domain := "localhost"
	if u, err := url.Parse(s.url("")); err == nil && u.Hostname() != "" {
		domain = u.Hostname()
	}
	link := s.liveURL(a)
	cal := ics.NewCalendar()
	cal.SetProductId("-//Learnscape//Learnscape//EN")
	cal.SetMethod(method)
	e := cal.AddEvent(a.ID.String() + "@" + domain)
	e.SetDtStampTime(now)
	e.SetStartAt(a.Starts)
	e.SetEndAt(a.Ends)
	e.SetSequence(a.Sequence)
	e.SetSummary(a.Title)
	e.SetDescription(a.ItemTitle + "\n" + link)
	e.SetLocation(link)
	e.SetURL(link)
	e.SetStatus(ics.ObjectStatusConfirmed)
	if method == calendarCancel {
		e.SetStatus(ics.ObjectStatusCancelled)
	}
	if method != calendarPublish {
		e.SetOrganizer("mailto:no-reply@"+domain, ics.WithCN(a.By))
		e.AddAttendee("mailto:"+a.To, ics.CalendarUserTypeIndividual, ics.ParticipationRoleReqParticipant, ics.ParticipationStatusAccepted, ics.WithCN(a.Name), ics.WithRSVP(false))
	}
	return cal.Serialize(ics.WithNewLineWindows) // RFC 5545, 3.1, whatever the machine.
}
