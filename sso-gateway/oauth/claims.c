/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims. No state.
 *
 * The professional claims have the names, types and nesting of Pro Santé Connect's userinfo, so that an
 * application written for it reads ours. Threat: a claim that says more than is known. An application
 * decides about medical records by these, so: no RPPS number that is not one, no profession that is not
 * in the nomenclature, no way of signing in that did not happen, no login in a place where an application
 * expects a national identifier. The nomenclature's texts that a record does not have are "", as
 * Pro Santé Connect has them.
 */
#include "oauth/claims.h"

#include <stdio.h>
#include <string.h>

#include "hospiconnect/identity.h"
#include "oauth/scope.h"

#define RPPS_LEN   12
#define NAME_BYTES (2 * HC_LABEL_MAX + 2)
#define ROLE_OID   "^1.2.250.1.213.1.1.5.5" /* of TRE_G15 in SubjectRole */
#define LOCALE_OID "1.2.250.1.213.1.3.1.1"

/* TRE_G15-ProfessionSante, the codes of two digits that people have. */
static const char professions[][3] = {
	"10", "21", "26", "28", "31", "32", "35", "36", "37", "38", "39", "40", "50", "60", "69",
	"70", "80", "81", "82", "83", "84", "85", "86", "91", "92", "94", "95", "96", "98",
};

bool hc_claims_is_profession(const char *profession)
{
	for (size_t i = 0; i < HC_COUNT(professions); i++) {
		if (strcmp(professions[i], profession) == 0)
			return true;
	}
	return false;
}

bool hc_claims_is_rpps(const char *national_id)
{
	struct hc_national_id parsed;
	const size_t len = strlen(national_id);

	/* A text of digits that begins with 8 is parsed with its check digit; any other text is opaque. */
	return len == RPPS_LEN && national_id[0] == '8' && strspn(national_id, "0123456789") == len &&
	       hc_national_id_parse(national_id, len, &parsed) == HC_OK;
}

static void write_unless_empty(struct hc_json_out *out, const char *key, const char *value)
{
	if (value[0] != '\0')
		hc_json_text(out, key, value);
}

/* ---- names ---- */

static void write_names(struct hc_json_out *out, const struct hc_person *person,
			enum hc_client_profile profile)
{
	char name[NAME_BYTES];
	const bool both = person->given_name[0] != '\0' && person->family_name[0] != '\0';

	(void)snprintf(name, sizeof(name), "%s%s%s", person->given_name, both ? " " : "",
		       person->family_name);
	write_unless_empty(out, "given_name", person->given_name);
	write_unless_empty(out, "family_name", person->family_name);
	write_unless_empty(out, "name", name);
	switch (profile) {
	case HC_CLIENT_OIDC:
		hc_json_text(out, "preferred_username", person->login);
		break;
	case HC_CLIENT_PSC: /* such an application takes it for the national identifier */
		write_unless_empty(out, "preferred_username", person->national_id);
		break;
	}
}

/* ---- the professional part ---- */

static void write_empty(struct hc_json_out *out, const char *const *keys, size_t count)
{
	for (size_t i = 0; i < count; i++)
		hc_json_text(out, keys[i], "");
}

static void write_other_ids(struct hc_json_out *out, const struct hc_person *person)
{
	if (!hc_claims_is_rpps(person->national_id))
		return;
	hc_json_array(out, "otherIds");
	hc_json_object(out, NULL);
	hc_json_text(out, "identifiant", person->national_id);
	hc_json_text(out, "origine", "RPPS");
	hc_json_number(out, "qualite", 1);
	hc_json_object_end(out);
	hc_json_array_end(out);
}

static void write_role(struct hc_json_out *out, const struct hc_person *person)
{
	char role[sizeof(person->profession) + sizeof(ROLE_OID)];

	if (!hc_claims_is_profession(person->profession))
		return;
	(void)snprintf(role, sizeof(role), "%s%s", person->profession, ROLE_OID);
	hc_json_array(out, "SubjectRole");
	hc_json_text(out, NULL, role);
	hc_json_array_end(out);
}

static void write_activity(struct hc_json_out *out, const struct hc_person *person)
{
	static const char *const before[] = {"codeModeExercice",
					     "codeSecteurDactivite",
					     "codeSectionPharmacien",
					     "codeRole",
					     "codeGenreActivite",
					     "numeroSiretSite",
					     "numeroSirenSite",
					     "numeroFinessSite",
					     "numeroFinessetablissementJuridique",
					     "identifiantTechniqueDeLaStructure"};
	static const char *const after[] = {"enseigneCommercialeSite",
					    "complementDestinataire",
					    "complementPointGeographique",
					    "numeroVoie",
					    "indiceRepetitionVoie",
					    "codeTypeDeVoie",
					    "libelleVoie",
					    "mentionDistribution",
					    "bureauCedex",
					    "codePostal",
					    "codeCommune",
					    "codePays",
					    "telephone",
					    "telephone2",
					    "telecopie",
					    "adresseEMail",
					    "codeDepartement",
					    "ancienIdentifiantDeLaStructure",
					    "autoriteDenregistrement"};

	hc_json_object(out, NULL);
	write_empty(out, before, HC_COUNT(before));
	hc_json_text(out, "raisonSocialeSite", person->organization);
	write_empty(out, after, HC_COUNT(after));
	hc_json_object_end(out);
}

static void write_practice(struct hc_json_out *out, const struct hc_person *person)
{
	hc_json_object(out, NULL);
	hc_json_text(out, "codeProfession", person->profession);
	hc_json_text(out, "codeCategorieProfessionnelle", "");
	hc_json_text(out, "codeCiviliteDexercice", "");
	hc_json_text(out, "nomDexercice", person->family_name);
	hc_json_text(out, "prenomDexercice", person->given_name);
	hc_json_text(out, "codeTypeSavoirFaire", "");
	hc_json_text(out, "codeSavoirFaire", "");
	hc_json_array(out, "activities");
	if (person->organization[0] != '\0')
		write_activity(out, person);
	hc_json_array_end(out);
	hc_json_object_end(out);
}

/* Arrays are always there; without a profession of the nomenclature there is no practice to tell of. */
static void write_reference(struct hc_json_out *out, const struct hc_person *person)
{
	hc_json_object(out, "SubjectRefPro");
	hc_json_text(out, "codeCivilite", "");
	hc_json_array(out, "exercices");
	if (hc_claims_is_profession(person->profession))
		write_practice(out, person);
	hc_json_array_end(out);
	hc_json_object_end(out);
}

static void write_professional(struct hc_json_out *out, const struct hc_person *person)
{
	write_unless_empty(out, "SubjectNameID", person->national_id);
	hc_json_bool(out, "email_verified", false);
	write_role(out, person);
	hc_json_text(out, "Secteur_Activite", "");
	hc_json_text(out, "SubjectOrganization", person->organization);
	hc_json_text(out, "SubjectOrganizationID", "");
	/* Both tell of a card or of the e-CPS, and neither was there. */
	hc_json_text(out, "Palier_Authentification", "");
	hc_json_text(out, "authMode", "");
	hc_json_text(out, "UITVersion", "1.0");
	hc_json_text(out, "PSI_Locale", LOCALE_OID);
	hc_json_text(out, "Mode_Acces_Raison", "");
	hc_json_text(out, "Acces_Regulation_Medicale", "FAUX");
	write_other_ids(out, person);
	write_reference(out, person);
}

void hc_claims_write(struct hc_json_out *out, const struct hc_person *person,
		     const struct hc_scope_text *scope, enum hc_client_profile profile)
{
	const bool professional = hc_scope_has(scope, HC_SCOPE_ALL);

	if (professional || hc_scope_has(scope, HC_SCOPE_PROFILE))
		write_names(out, person, profile);
	if (professional)
		write_professional(out, person);
}
