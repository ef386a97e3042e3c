package topics

import "strings"

// name is how an entity is called in each language.
type name struct{ en, de, fr, it, es, nl string }

func (n name) in(language string) string {
	language, _, _ = strings.Cut(strings.ReplaceAll(strings.ToLower(language), "_", "-"), "-")
	switch language {
	case "de":
		return n.de
	case "fr":
		return n.fr
	case "it":
		return n.it
	case "es":
		return n.es
	case "nl":
		return n.nl
	}
	return n.en
}

// translate is the name of an entity in the language of the device.
func (d Device) translate(e entity) string {
	kind := e.kind
	if kind == "" {
		kind = e.key
	}
	return names()[kind].in(d.Language)
}

// names of the entities, by key. The main entity (status) and device triggers have none.
func names() map[string]name {
	return map[string]name{
		"remote":            {"Remote party", "Gegenstelle", "Interlocuteur", "Interlocutore", "Interlocutor", "Gesprekspartner"},
		"ringing":           {"Ringing", "Klingelt", "Sonne", "Squilla", "Sonando", "Gaat over"},
		"in_call":           {"In call", "Im Gespräch", "En communication", "In chiamata", "En llamada", "In gesprek"},
		"last_call":         {"Last call", "Letzter Anruf", "Dernier appel", "Ultima chiamata", "Última llamada", "Laatste oproep"},
		"answer":            {"Answer", "Annehmen", "Répondre", "Rispondi", "Contestar", "Opnemen"},
		"hangup":            {"Hang up", "Auflegen", "Raccrocher", "Riaggancia", "Colgar", "Ophangen"},
		"dial":              {"Dial", "Wählen", "Composer", "Componi", "Marcar", "Bellen"},
		"transfer_to":       {"Transfer to", "Vermitteln an", "Transférer à", "Trasferisci a", "Transferir a", "Doorverbinden met"},
		"send_dtmf":         {"Send DTMF", "DTMF senden", "Envoyer DTMF", "Invia DTMF", "Enviar DTMF", "DTMF verzenden"},
		"console":           {"Console command", "Konsolenbefehl", "Commande de console", "Comando console", "Orden de consola", "Consoleopdracht"}, //nolint:misspell // Italian
		"console_answer":    {"Console answer", "Konsolenantwort", "Réponse de console", "Risposta console", "Respuesta de consola", "Consoleantwoord"},
		"hold":              {"Hold", "Halten", "Mise en attente", "Attesa", "Retener", "In de wacht"},
		"mute":              {"Mute", "Stumm", "Muet", "Muto", "Silencio", "Dempen"},
		"autoanswer":        {"Auto answer", "Automatische Annahme", "Réponse automatique", "Risposta automatica", "Respuesta automática", "Automatisch opnemen"},
		"dnd":               {"Do not disturb", "Nicht stören", "Ne pas déranger", "Non disturbare", "No molestar", "Niet storen"},
		"active":            {"Active instance", "Aktive Instanz", "Instance active", "Istanza attiva", "Instancia activa", "Actieve instantie"},
		"volume":            {"Volume", "Lautstärke", "Volume", "Volume", "Volumen", "Volume"},
		"dtmf":              {"DTMF", "DTMF", "DTMF", "DTMF", "DTMF", "DTMF"},
		"dtmf_collected":    {"DTMF collected", "DTMF-Eingabe", "Saisie DTMF", "Cifre DTMF", "Entrada DTMF", "DTMF-invoer"},
		"transfer":          {"Transfer", "Vermittlung", "Transfert", "Trasferimento", "Transferencia", "Doorverbinding"},
		"call_ended":        {"Call ended", "Anruf beendet", "Appel terminé", "Chiamata terminata", "Llamada terminada", "Oproep beëindigd"},
		"call_refused":      {"Call refused", "Anruf abgewiesen", "Appel refusé", "Chiamata rifiutata", "Llamada rechazada", "Oproep geweigerd"},
		"message":           {"Message", "Nachricht", "Message", "Messaggio", "Mensaje", "Bericht"},
		"voice_message":     {"Voice message", "Sprachnachricht", "Message vocal", "Messaggio vocale", "Mensaje de voz", "Spraakbericht"},
		"messages_waiting":  {"Messages waiting", "Wartende Nachrichten", "Messages en attente", "Messaggi in attesa", "Mensajes en espera", "Wachtende berichten"},
		"pbx":               {"PBX call", "Anruf der Anlage", "Appel du PBX", "Chiamata PBX", "Llamada de la centralita", "Oproep centrale"},
		"pbx_event":         {"PBX event", "Ereignis der Anlage", "Événement du PBX", "Evento PBX", "Evento de la centralita", "Gebeurtenis centrale"},
		"pbx_status":        {"PBX status", "Status der Anlage", "État du PBX", "Stato PBX", "Estado de la centralita", "Status centrale"},
		"log":               {"Log", "Protokoll", "Journal", "Registro", "Registro", "Logboek"},
		"registration":      {"SIP registration", "SIP-Anmeldung", "Enregistrement SIP", "Registrazione SIP", "Registro SIP", "SIP-registratie"},
		"registration_info": {"SIP registration status", "Status der SIP-Anmeldung", "État de l'enregistrement SIP", "Stato registrazione SIP", "Estado del registro SIP", "Status SIP-registratie"},
		"register":          {"Register again", "Neu anmelden", "Réenregistrer", "Registra di nuovo", "Registrar de nuevo", "Opnieuw registreren"},
		"mode":              {"Mode", "Betriebsart", "Mode", "Modalità", "Modo", "Modus"},
		"codec":             {"Codec", "Codec", "Codec", "Codec", "Códec", "Codec"},
		"loss":              {"Packet loss", "Paketverlust", "Perte de paquets", "Perdita di pacchetti", "Pérdida de paquetes", "Pakketverlies"},
		"jitter":            {"Jitter", "Jitter", "Gigue", "Jitter", "Fluctuación", "Jitter"},
		"rtt":               {"Round-trip time", "Umlaufzeit", "Temps aller-retour", "Tempo di andata e ritorno", "Tiempo de ida y vuelta", "Rondetijd"},
		"mos":               {"Voice quality (MOS)", "Sprachqualität (MOS)", "Qualité vocale (MOS)", "Qualità vocale (MOS)", "Calidad de voz (MOS)", "Spraakkwaliteit (MOS)"},
		"remote_loss":       {"Packet loss at the far end", "Paketverlust der Gegenseite", "Perte de paquets à l'autre bout", "Perdita di pacchetti remota", "Pérdida de paquetes remota", "Pakketverlies andere kant"},
		"remote_jitter":     {"Jitter at the far end", "Jitter der Gegenseite", "Gigue à l'autre bout", "Jitter remoto", "Fluctuación remota", "Jitter andere kant"},
		"remote_mos":        {"Voice quality at the far end (MOS)", "Sprachqualität der Gegenseite (MOS)", "Qualité vocale à l'autre bout (MOS)", "Qualità vocale remota (MOS)", "Calidad de voz remota (MOS)", "Spraakkwaliteit andere kant (MOS)"},
		"playing":           {"Playing", "Wiedergabe", "Lecture", "Riproduzione", "Reproducción", "Afspelen"},
		"stop_playing":      {"Stop playing", "Wiedergabe beenden", "Arrêter la lecture", "Ferma riproduzione", "Detener reproducción", "Afspelen stoppen"},
		"record":            {"Record", "Aufnahme", "Enregistrement", "Registrazione", "Grabación", "Opname"},
		"say":               {"Say", "Ansage", "Annonce", "Annuncio", "Anuncio", "Omroep"},
		"doorbell":          {"Doorbell", "Türklingel", "Sonnette", "Campanello", "Timbre", "Deurbel"},
		"press_doorbell":    {"Press doorbell", "Türklingel drücken", "Appuyer sur la sonnette", "Premi campanello", "Pulsar timbre", "Op deurbel drukken"},
		"door":              {"Door", "Tür", "Porte", "Porta", "Puerta", "Deur"},
		"open_door":         {"Open door", "Tür öffnen", "Ouvrir la porte", "Apri porta", "Abrir puerta", "Deur openen"},
		"door_event":        {"Door access", "Türzugang", "Accès à la porte", "Accesso porta", "Acceso a la puerta", "Deurtoegang"},
		"display":           {"Display text", "Anzeigetext", "Texte affiché", "Testo del display", "Texto de pantalla", "Schermtekst"},
		"show":              {"Show message", "Nachricht anzeigen", "Afficher un message", "Mostra messaggio", "Mostrar mensaje", "Bericht tonen"},
		"brightness":        {"Display brightness", "Helligkeit der Anzeige", "Luminosité de l'écran", "Luminosità del display", "Brillo de pantalla", "Schermhelderheid"},
		"backlight":         {"Backlight", "Beleuchtung", "Rétroéclairage", "Retroilluminazione", "Retroiluminación", "Achtergrondverlichting"},
		"version":           {"Version", "Version", "Version", "Versione", "Versión", "Versie"},
		"started":           {"Started", "Gestartet", "Démarré", "Avviato", "Iniciado", "Gestart"},
	}
}
