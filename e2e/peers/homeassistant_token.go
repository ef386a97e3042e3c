package peers

// Token is a token for its REST API.
func (a *HomeAssistant) Token() string { return a.token }
