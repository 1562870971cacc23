// Renders the templates of the Helm chart by the engine of Helm, Go's text/template. Reads {"templates": {NAME: TEXT}, "data": DATA} from
// standard input, and writes {NAME: TEXT} to standard output.
package main

import (
	"encoding/json"
	"log"
	"os"
	"strings"
	"text/template"
)

func main() {
	var input struct {
		Templates map[string]string      `json:"templates"`
		Data      map[string]interface{} `json:"data"`
	}
	if err := json.NewDecoder(os.Stdin).Decode(&input); err != nil {
		log.Fatal(err)
	}
	rendered := map[string]string{}
	for name, text := range input.Templates {
		parsed, err := template.New(name).Option("missingkey=error").Parse(text)
		if err != nil {
			log.Fatal(err)
		}
		var out strings.Builder
		if err := parsed.Execute(&out, input.Data); err != nil {
			log.Fatal(err)
		}
		rendered[name] = out.String()
	}
	if err := json.NewEncoder(os.Stdout).Encode(rendered); err != nil {
		log.Fatal(err)
	}
}
