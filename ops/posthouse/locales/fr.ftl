# Lettres du serveur. Les mois, et ce qu’apportent les étapes, sont choisis par leur nom.
date = { $day } { $month ->
    [January] janvier
    [February] février
    [March] mars
    [April] avril
    [May] mai
    [June] juin
    [July] juillet
    [August] août
    [September] septembre
    [October] octobre
    [November] novembre
   *[December] décembre
} { $year }
moment = { $date } à { $time } UTC
quoted = « { $name } »
signs-in = là où vous vous connectez à { $host }

# Codes : une invitation, un mot de passe oublié.
invitation-subject = Invitation à { $tenant }
invitation-about = Vous êtes invité à rejoindre { $tenant } sur { $host }.
invitation-unexpected = Si vous ne vous y attendiez pas, ne faites rien.
reset-subject = Un nouveau mot de passe
reset-about = Quelqu’un, peut-être vous, a demandé un nouveau mot de passe pour { $address } sur { $host }.
reset-unexpected = Si ce n’était pas vous, ne faites rien : votre mot de passe reste le même.
secret-at = Saisissez ce code sur { $link } :
secret-elsewhere = Votre code. Saisissez-le là où vous vous connectez à { $host }, ou demandez à qui s’en occupe ; un programme le donne à l’API comme `secret` de `{ $mutation }` :
secret-once = Il est valable une fois, jusqu’au { $until }.

# Inscriptions.
signup-code-subject = Votre code pour { $host }
signup-code-about = Quelqu’un, peut-être vous, s’inscrit sur { $host } pour { $wanted } et a donné cette adresse comme contact.
signup-code-code = Le code :
signup-code-enter = Saisissez-le là où vous vous inscrivez. Il est valable jusqu’au { $until }. Si vous avez fermé cette page, continuez ici :
signup-code-unexpected = Si ce n’était pas vous, ne faites rien, et ne donnez ce code à personne.
signup-paid-subject = C’est payé : il reste une étape
signup-paid-about = Votre inscription sur { $host } est payée. Il reste une étape : choisir un mot de passe. Si vous avez fermé cette page, continuez ici :
signup-paid-else = Sans cela rien n’est créé, et dans une semaine votre argent vous est rendu.
welcome-subject = Bienvenue chez { $host }
welcome-about = Bienvenue chez { $host }.
welcome-mailbox = Votre boîte est { $address }. Son mot de passe est celui que vous avez choisi.
welcome-sign-in = Pour tout installer, connectez-vous comme { $contact } avec le mot de passe que vous { $password ->
    [known] y avez déjà
   *[chosen] avez choisi
} : { $link }
welcome-domain = { $domain } reçoit des messages dès qu’il est prouvé qu’il est à vous : vous trouvez les enregistrements à publier une fois connecté.
welcome-domain-failed = { $domain } n’a pas pu être installé. Vous saurez pourquoi en l’ajoutant une fois connecté.
welcome-slow = Au début vous ne pouvez écrire qu’à quelques personnes par jour ; cela augmente de soi-même en quelques jours.

# Argent.
coming = { $stage ->
    [GRACE] on peut envoyer moins par jour
    [SUSPENDED] rien ne peut plus être envoyé à l’extérieur
    [READ_ONLY] rien ne peut plus être envoyé ni créé
    [CLOSING] plus aucun message n’arrive ; lire et exporter restent possibles
    [PURGING] tout est détruit, pas avant ce jour
   *[other] quelque chose change
}
reached = { $stage ->
    [GRACE] on peut envoyer moins par jour
    [SUSPENDED] rien ne peut être envoyé à l’extérieur
    [READ_ONLY] rien ne peut être envoyé ni créé ; lire, recevoir et exporter restent possibles
   *[other] quelque chose est différent
}
billing-pay = Payer : { $link }
billing-unless = Si rien n’est payé :
trial-ending-subject = Votre essai de { $tenant } se termine
trial-ending-about = L’essai de { $tenant } sur { $host } se termine le { $until }. Ensuite, il faut payer.
trial-ending-do = Voir ce que cela coûte, ou y mettre fin : { $link }
past-due-subject = Un paiement pour { $tenant } est dû
past-due-about = Un paiement pour { $tenant } sur { $host } était dû le { $day } et n’a pas été fait{ $owed }. Tout fonctionne comme avant.
ahead-subject = { $tenant }, si rien n’est payé : { $change }
ahead-about = Un paiement pour { $tenant } sur { $host } est dû depuis le { $day }{ $owed }.
reached-subject = { $tenant } : { $change }
reached-now = Désormais { $change }.
reached-pay = Payez, et tout fonctionne de nouveau aussitôt : { $link }
purge-subject = Tout ce qui est à { $tenant } sera détruit
purge-about = { $tenant } sur { $host } est fermé : rien n’est envoyé ni reçu.
purge-until = D’ici là vous pouvez tout lire et tout exporter.
purge-back = Pour annuler la fermeture{ $owed } : { $link }
settled-subject = C’est payé : { $tenant }
settled-about = Ce qui était dû pour { $tenant } sur { $host } depuis le { $day } est payé. Plus rien n’est restreint à cause de cela. Merci.
reopened-subject = De nouveau ouvert : { $tenant }
reopened-about = { $tenant } sur { $host } a été fermé le { $day } et est de nouveau ouvert ; rien n’est détruit.
reopened-do = Les formules qui ont pris fin à la fermeture ne sont pas rachetées d’elles-mêmes : { $link }
paid-subject = Nous avons reçu votre paiement pour { $tenant }
paid-about = Le { $day }, nous avons reçu { $amount } pour { $tenant } sur { $host }. Merci.
paid-number = Facture : { $number }
paid-do = Vos factures : { $link }
ending-subject = { $plan } de { $tenant } se termine le { $day }
ending-about = Il a été mis fin à { $plan } de { $tenant } sur { $host } : la formule continue jusqu’au { $until }, et plus rien n’est payé ensuite.
ending-do = D’ici là vous pouvez encore la garder : { $link }
ended-subject = { $plan } de { $tenant } a pris fin
ended-about = { $plan } de { $tenant } sur { $host } a pris fin le { $day }.
ended-do = Pour continuer comme avant, choisissez une formule : { $link }
left = { $next ->
    [others] Ce qui est enregistré reste, et ce que vous avez acheté par ailleurs continue.
    [free] Ce qui est enregistré reste. Après la fin vous avez l’offre gratuite, avec ses limites : rien n’est perdu, et rien de nouveau ne se crée au-delà.
   *[none] Ce qui est enregistré reste. Après la fin il n’y a plus de formule : les messages arrivent encore et se lisent, rien n’est envoyé, et rien de nouveau ne se crée tant qu’aucune n’est choisie.
}

# Exportations.
export-of-tenant = toutes les boîtes de { $tenant }
export-asked-subject = Une exportation a été demandée : { $what }
export-asked-begins = { $by } a demandé sur { $host } une exportation ({ $what }) : tout le courrier, dans des fichiers. Elle est en train de se faire. Vous pouvez la détruire ici :
export-asked-waits = { $by } a demandé sur { $host } une exportation ({ $what }) : tout le courrier, dans des fichiers. Elle commence le { $at }. D’ici là, vous pouvez l’annuler ici :
export-asked-unexpected = Si vous ne vous y attendiez pas, annulez-la et demandez qui l’a voulue ; si c’était prétendument vous, changez votre mot de passe.
export-ready-subject = L’exportation est prête : { $what }
export-ready-about = L’exportation ({ $what }) peut être téléchargée jusqu’au { $at }, puis elle est détruite :
export-ready-unexpected = On s’y identifie ; aucun lien de cette lettre ne donne les fichiers.
export-failed-subject = L’exportation n’est pas allée plus loin : { $what }
export-failed-about = L’exportation ({ $what }) n’est pas allée plus loin. Ce qui l’empêche est dit ici, et c’est ici qu’on la fait continuer :
export-by-program = Un programme de l’organisation
export-asked-reason = La raison donnée : { $reason }
export-cancelled-subject = L’exportation a été annulée : { $what }
export-cancelled-about = Quelqu’un d’autre, qui en a le droit, a annulé l’exportation ({ $what }) que vous aviez demandée. Il n’en reste rien :
