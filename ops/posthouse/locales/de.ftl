# Briefe des Servers. Monate, und was Stufen bringen, werden nach Namen gewählt.
date = { $day }. { $month ->
    [January] Januar
    [February] Februar
    [March] März
    [April] April
    [May] Mai
    [June] Juni
    [July] Juli
    [August] August
    [September] September
    [October] Oktober
    [November] November
   *[December] Dezember
} { $year }
moment = { $date }, { $time } Uhr UTC
quoted = „{ $name }“
signs-in = dort, wo Sie sich bei { $host } anmelden

# Codes: eine Einladung, ein vergessenes Passwort.
invitation-subject = Einladung zu { $tenant }
invitation-about = Sie sind zu { $tenant } auf { $host } eingeladen.
invitation-unexpected = Wenn Sie das nicht erwartet haben, müssen Sie nichts tun.
reset-subject = Ein neues Passwort
reset-about = Jemand, vielleicht Sie, hat ein neues Passwort für { $address } auf { $host } verlangt.
reset-unexpected = Wenn Sie es nicht waren, müssen Sie nichts tun: Ihr Passwort bleibt, wie es ist.
secret-at = Geben Sie diesen Code auf { $link } ein:
secret-elsewhere = Ihr Code. Geben Sie ihn dort ein, wo Sie sich bei { $host } anmelden, oder fragen Sie, wer es betreibt; ein Programm gibt ihn der API als `secret` von `{ $mutation }`:
secret-once = Er gilt einmal, bis zum { $until }.

# Registrierungen.
signup-code-subject = Ihr Code für { $host }
signup-code-about = Jemand, vielleicht Sie, registriert sich auf { $host } für { $wanted } und hat diese Adresse als Kontakt angegeben.
signup-code-code = Der Code:
signup-code-enter = Geben Sie ihn dort ein, wo Sie sich registrieren. Er gilt bis zum { $until }. Wenn Sie die Seite geschlossen haben, geht es hier weiter:
signup-code-unexpected = Wenn Sie es nicht waren, müssen Sie nichts tun. Geben Sie den Code niemandem.
signup-paid-subject = Bezahlt: Ein Schritt fehlt noch
signup-paid-about = Ihre Registrierung auf { $host } ist bezahlt. Ein Schritt fehlt noch: ein Passwort. Wenn Sie die Seite geschlossen haben, geht es hier weiter:
signup-paid-else = Ohne diesen Schritt wird nichts angelegt, und in einer Woche geht Ihr Geld zurück.
welcome-subject = Willkommen bei { $host }
welcome-about = Willkommen bei { $host }.
welcome-mailbox = Ihr Postfach ist { $address }. Sein Passwort ist das, das Sie gewählt haben.
welcome-sign-in = Um alles einzurichten, melden Sie sich als { $contact } mit dem Passwort an, das Sie { $password ->
    [known] dort schon haben
   *[chosen] gewählt haben
}: { $link }
welcome-domain = { $domain } nimmt E-Mail an, sobald nachgewiesen ist, dass sie Ihnen gehört: Die Einträge, die dafür nötig sind, finden Sie nach der Anmeldung.
welcome-domain-failed = { $domain } ließ sich nicht einrichten. Warum, erfahren Sie, wenn Sie sie nach der Anmeldung hinzufügen.
welcome-slow = Anfangs können Sie am Tag nur einigen Leuten schreiben; das wächst von selbst innerhalb von Tagen.

# Geld.
coming = { $stage ->
    [GRACE] am Tag kann weniger gesendet werden
    [SUSPENDED] an andere kann nichts mehr gesendet werden
    [READ_ONLY] es kann nichts mehr gesendet und nichts Neues angelegt werden
    [CLOSING] es kommt nichts mehr an; Lesen und Exportieren bleiben
    [PURGING] alles wird vernichtet, nicht vor diesem Tag
   *[other] etwas ändert sich
}
reached = { $stage ->
    [GRACE] am Tag kann weniger gesendet werden
    [SUSPENDED] an andere kann nichts gesendet werden
    [READ_ONLY] es kann nichts gesendet und nichts Neues angelegt werden; Lesen, Empfangen und Exportieren bleiben
   *[other] etwas ist anders
}
billing-pay = Bezahlen: { $link }
billing-unless = Wenn nichts bezahlt wird:
trial-ending-subject = Ihre Testzeit für { $tenant } endet
trial-ending-about = Die Testzeit für { $tenant } auf { $host } endet am { $until }. Danach ist es zu bezahlen.
trial-ending-do = Was es kostet, und wie Sie es beenden: { $link }
past-due-subject = Eine Zahlung für { $tenant } ist fällig
past-due-about = Eine Zahlung für { $tenant } auf { $host } war am { $day } fällig und kam nicht{ $owed }. Alles funktioniert wie bisher.
ahead-subject = { $tenant }, wenn nichts bezahlt wird: { $change }
ahead-about = Eine Zahlung für { $tenant } auf { $host } ist seit dem { $day } fällig{ $owed }.
reached-subject = { $tenant }: { $change }
reached-now = Ab jetzt gilt: { $change }.
reached-pay = Bezahlen Sie, und alles funktioniert sofort wieder: { $link }
purge-subject = Alles von { $tenant } wird vernichtet
purge-about = { $tenant } auf { $host } ist geschlossen: Nichts wird gesendet oder empfangen.
purge-until = Bis dahin können Sie alles lesen und exportieren.
purge-back = Die Schließung zurücknehmen{ $owed }: { $link }
settled-subject = { $tenant } ist bezahlt
settled-about = Was für { $tenant } auf { $host } seit dem { $day } fällig war, ist bezahlt. Deswegen ist nichts mehr eingeschränkt. Danke.
reopened-subject = { $tenant } ist wieder offen
reopened-about = { $tenant } auf { $host } wurde am { $day } geschlossen und ist wieder offen; nichts wird vernichtet.
reopened-do = Tarife, die mit der Schließung endeten, werden nicht von selbst wieder gekauft: { $link }
paid-subject = Ihre Zahlung für { $tenant } ist da
paid-about = Am { $day } haben wir { $amount } für { $tenant } auf { $host } erhalten. Danke.
paid-number = Rechnung: { $number }
paid-do = Ihre Rechnungen: { $link }
ending-subject = { $plan } von { $tenant } endet am { $day }
ending-about = { $plan } von { $tenant } auf { $host } wurde beendet: Der Tarif gilt noch bis zum { $until }. Danach wird nichts mehr dafür bezahlt.
ending-do = Bis dahin können Sie ihn doch behalten: { $link }
ended-subject = { $plan } von { $tenant } ist beendet
ended-about = { $plan } von { $tenant } auf { $host } endete am { $day }.
ended-do = Um weiterzumachen wie zuvor, wählen Sie einen Tarif: { $link }
left = { $next ->
    [others] Was gespeichert ist, bleibt, und was Sie sonst gekauft haben, geht weiter.
    [free] Was gespeichert ist, bleibt. Nach dem Ende haben Sie den kostenlosen Tarif mit seinen Grenzen: Nichts geht verloren, und darüber hinaus entsteht nichts Neues.
   *[none] Was gespeichert ist, bleibt. Nach dem Ende gibt es keinen Tarif: E-Mail kommt weiter an und lässt sich lesen, es wird nichts gesendet, und nichts Neues entsteht, bis einer gewählt ist.
}

# Exporte.
export-of-tenant = alle Postfächer von { $tenant }
export-asked-subject = Ein Export wurde verlangt: { $what }
export-asked-begins = { $by } hat bei { $host } einen Export verlangt ({ $what }): die ganze Post, in Dateien. Er wird gerade gemacht. Hier können Sie ihn vernichten:
export-asked-waits = { $by } hat bei { $host } einen Export verlangt ({ $what }): die ganze Post, in Dateien. Er beginnt am { $at }. Bis dahin können Sie ihn hier abbrechen:
export-asked-unexpected = Wenn Sie damit nicht gerechnet haben, brechen Sie ihn ab und fragen Sie nach, wer ihn verlangt hat; waren angeblich Sie es, ändern Sie Ihr Passwort.
export-ready-subject = Der Export ist fertig: { $what }
export-ready-about = Der Export ({ $what }) lässt sich bis { $at } abholen, dann wird er vernichtet:
export-ready-unexpected = Dort melden Sie sich an; kein Link in diesem Brief gibt die Dateien preis.
export-failed-subject = Der Export kam nicht weiter: { $what }
export-failed-about = Der Export ({ $what }) kam nicht weiter. Was im Weg steht, ist hier zu lesen, und hier lassen Sie ihn weitermachen:
export-by-program = Ein Programm der Organisation
export-asked-reason = Als Grund wurde genannt: { $reason }
export-cancelled-subject = Der Export wurde abgebrochen: { $what }
export-cancelled-about = Jemand anderes, der das darf, hat den Export ({ $what }) abgebrochen, den Sie verlangt haben. Nichts davon ist übrig:
