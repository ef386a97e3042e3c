package main

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"housephone/phone/ivr/mailbox"
)

// phrases is what the house says by itself, in one language.
type phrases struct {
	greeting, thanks, full, sorry string
	askPIN, wrongPIN              string
	none, one, many               string // how many messages; many takes all and new ones
	header, nobody                string // takes whom it is from and when
	today, yesterday, days        string // take the hour; days the number of days before it
	deleted, noMore, help         string
}

// phrasesOf is the phrases of HOUSEPHONE_LANG.
func phrasesOf(lang string) phrases {
	w, ok := map[string]phrases{
		"de": {
			greeting: "Guten Tag. Im Moment ist niemand zu erreichen. Bitte sprechen Sie nach dem Ton.",
			thanks:   "Vielen Dank. Auf Wiederhören.", full: "Guten Tag. Im Moment ist niemand zu erreichen, und der Anrufbeantworter ist voll.",
			sorry: "Das ist leider nicht möglich. Auf Wiederhören.", askPIN: "Bitte geben Sie Ihre PIN ein.", wrongPIN: "Das war nicht richtig.",
			none: "Sie haben keine Nachrichten.", one: "Sie haben eine Nachricht.", many: "Sie haben %d Nachrichten, davon %d neue.",
			header: "Nachricht von %s, %s.", nobody: "unbekannt", today: "heute um %s", yesterday: "gestern um %s", days: "vor %d Tagen um %s",
			deleted: "Gelöscht.", noMore: "Keine weiteren Nachrichten. Auf Wiederhören.",
			help: "Eins: noch einmal. Zwei: weiter. Drei: löschen. Stern: beenden.",
		},
		"fr": {
			greeting: "Bonjour. Nous ne pouvons pas répondre pour le moment. Veuillez parler après le bip.",
			thanks:   "Merci. Au revoir.", full: "Bonjour. Nous ne pouvons pas répondre pour le moment, et la messagerie est pleine.",
			sorry: "Ce n'est malheureusement pas possible. Au revoir.", askPIN: "Veuillez saisir votre code.", wrongPIN: "Ce n'est pas correct.",
			none: "Vous n'avez aucun message.", one: "Vous avez un message.", many: "Vous avez %d messages, dont %d nouveaux.",
			header: "Message de %s, %s.", nobody: "inconnu", today: "aujourd'hui à %s", yesterday: "hier à %s", days: "il y a %d jours à %s",
			deleted: "Supprimé.", noMore: "Plus de messages. Au revoir.",
			help: "Un : réécouter. Deux : suivant. Trois : supprimer. Étoile : terminer.",
		},
		"it": {
			greeting: "Buongiorno. Adesso non possiamo rispondere. Lasciate un messaggio dopo il segnale.",
			thanks:   "Grazie. Arrivederci.", full: "Buongiorno. Adesso non possiamo rispondere e la segreteria è piena.",
			sorry: "Mi dispiace, non si può fare. Arrivederci.", askPIN: "Inserite il codice.", wrongPIN: "Il codice non è corretto.",
			none: "Non ci sono messaggi.", one: "C'è un messaggio.", many: "Ci sono %d messaggi, di cui %d nuovi.",
			header: "Messaggio da %s, %s.", nobody: "sconosciuto", today: "oggi alle %s", yesterday: "ieri alle %s", days: "%d giorni fa alle %s",
			deleted: "Rimosso.", noMore: "Nessun altro messaggio. Arrivederci.",
			help: "Uno: riascolta. Due: avanti. Tre: cancella. Asterisco: termina.",
		},
		"es": {
			greeting: "Buenos días. Ahora no podemos atenderle. Deje su mensaje después de la señal.",
			thanks:   "Gracias. Adiós.", full: "Buenos días. Ahora no podemos atenderle y el buzón está lleno.",
			sorry: "Lo sentimos, no es posible. Adiós.", askPIN: "Introduzca su código.", wrongPIN: "El código no es correcto.",
			none: "No tiene mensajes.", one: "Tiene un mensaje.", many: "Tiene %d mensajes, %d de ellos nuevos.",
			header: "Mensaje de %s, %s.", nobody: "desconocido", today: "hoy a las %s", yesterday: "ayer a las %s", days: "hace %d días a las %s",
			deleted: "Borrado.", noMore: "No hay más mensajes. Adiós.",
			help: "Uno: repetir. Dos: siguiente. Tres: borrar. Asterisco: terminar.",
		},
		"nl": {
			greeting: "Goedendag. We kunnen op dit moment niet opnemen. Spreek na de toon een bericht in.",
			thanks:   "Dank u wel. Tot ziens.", full: "Goedendag. We kunnen op dit moment niet opnemen en de voicemail is vol.",
			sorry: "Dat is helaas niet mogelijk. Tot ziens.", askPIN: "Voer uw pincode in.", wrongPIN: "Dat was niet juist.",
			none: "U heeft geen berichten.", one: "U heeft één bericht.", many: "U heeft %d berichten, waarvan %d nieuw.",
			header: "Bericht van %s, %s.", nobody: "onbekend", today: "vandaag om %s", yesterday: "gisteren om %s", days: "%d dagen geleden om %s",
			deleted: "Gewist.", noMore: "Geen berichten meer. Tot ziens.",
			help: "Eén: nog eens. Twee: volgende. Drie: wissen. Sterretje: stoppen.",
		},
	}[lang]
	if ok {
		return w
	}
	return phrases{
		greeting: "Hello. Nobody can take your call at the moment. Please speak after the tone.",
		thanks:   "Thank you. Goodbye.", full: "Hello. Nobody can take your call at the moment, and the mailbox is full.",
		sorry: "I am sorry, that is not possible. Goodbye.", askPIN: "Please enter your PIN.", wrongPIN: "That was not right.",
		none: "You have no messages.", one: "You have one message.", many: "You have %d messages, %d of them new.",
		header: "Message from %s, %s.", nobody: "unknown", today: "today at %s", yesterday: "yesterday at %s", days: "%d days ago at %s",
		deleted: "Deleted.", noMore: "No more messages. Goodbye.",
		help: "One: again. Two: next. Three: delete. Star: finish.",
	}
}

// phrase is what the listener to the messages says.
func (w phrases) phrase(a mailbox.Announce, now time.Time) string {
	switch a.Phrase {
	case mailbox.Summary:
		switch a.Count {
		case 0:
			return w.none
		case 1:
			return w.one
		}
		return fmt.Sprintf(w.many, a.Count, a.Unheard)
	case mailbox.Header:
		return fmt.Sprintf(w.header, w.speaker(a.Message), w.when(a.Message.At, now))
	case mailbox.Deleted:
		return w.deleted
	case mailbox.NoMore:
		return w.noMore
	case mailbox.Help:
		return w.help
	}
	return ""
}

// speaker is whom a message is from; numbers are spoken digit by digit.
func (w phrases) speaker(m mailbox.Message) string {
	if m.Name != "" {
		return m.Name
	}
	user, _, _ := strings.Cut(m.From, "@")
	if user == "" {
		return w.nobody
	}
	if strings.ContainsFunc(user, func(r rune) bool { return r != '+' && !unicode.IsDigit(r) }) {
		return user
	}
	return strings.Join(strings.Split(user, ""), " ")
}

// when is the day and hour of a message.
func (w phrases) when(at, now time.Time) string {
	at = at.Local()
	hour := at.Format("15:04")
	day := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 12, 0, 0, 0, time.UTC) }
	switch n := int(day(now.Local()).Sub(day(at)).Hours() / 24); n {
	case 0:
		return fmt.Sprintf(w.today, hour)
	case 1:
		return fmt.Sprintf(w.yesterday, hour)
	default:
		return fmt.Sprintf(w.days, n, hour)
	}
}
