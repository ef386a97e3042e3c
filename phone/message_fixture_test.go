package phone_test

import (
	"fmt"

	"housephone/phone/phonetest"
)

// valid is a message that nothing is wrong with; NUMBER stands for what tells messages apart.
func (b *bench) valid(method, self string) string {
	body := ""
	if method == "INVITE" {
		body = phonetest.SDP(40000)
	}
	return fmt.Sprintf("%s sip:phone@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKNUMBER;rport\r\nMax-Forwards: 70\r\n"+
		"From: \"A B\" <sip:a@%s;x=y>;tag=fNUMBER\r\nTo: <sip:phone@%s>\r\nCall-ID: NUMBER@%s\r\nCSeq: 1 %s\r\nContact: <sip:a@%s>\r\n"+
		"Session-Expires: 600;refresher=uac\r\nRecord-Route: <sip:%s;lr>\r\nAlert-Info: <http://a/b>;info=x\r\nEvent: message-summary\r\n"+
		"Supported: timer, 100rel\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
		method, b.addr, self, self, b.addr, self, method, self, self,
		map[bool]string{true: "application/sdp", false: "text/plain"}[body != ""], len(body), body)
}
