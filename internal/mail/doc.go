// Package mail sends mail. Send writes a mail down in the transaction of whatever it tells of, so that it exists exactly
// when the change does; a job then hands it to the installation's sender: an SMTP server, or the outbox page of an
// installation that has none.
//
// It owns the table mails. It does not decide who gets a mail or what it says. Any room may call Send; the job acts as the
// Mailer of the mail's organization. Delivery is at least once, with one Message-ID per mail.
package mail
