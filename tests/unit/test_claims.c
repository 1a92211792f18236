/* SPDX-License-Identifier: Apache-2.0 */
/* Claims: whole answers for people whose records differ, and what is never said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "oauth/claims.h"

static const char *claims_of(const struct hc_person *person, const char *scope,
			     enum hc_client_profile profile)
{
	static char text[16384];
	struct hc_scope_text scopes = {""};
	struct hc_json_out out;
	size_t len = 0;

	(void)snprintf(scopes.text, sizeof(scopes.text), "%s", scope);
	hc_json_start(&out, text, sizeof(text));
	hc_json_object(&out, NULL);
	hc_claims_write(&out, person, &scopes, profile);
	hc_json_object_end(&out);
	assert_int_equal(hc_json_end(&out, &len), HC_OK);
	return text;
}

static const struct hc_person doctor = {.id = 7,
					.login = "martin",
					.given_name = "Élise",
					.family_name = "MARTIN",
					.national_id = "899700218896",
					.profession = "10",
					.organization = "Hôpital générique"};

/* Registered by her establishment, not by an order. */
static const struct hc_person nurse = {.id = 8,
				       .login = "durand",
				       .given_name = "Paul",
				       .family_name = "DURAND",
				       .national_id = "3310000001/0042",
				       .profession = "60"};

static const struct hc_person clerk = {.id = 9,
				       .login = "petit",
				       .given_name = "Anne",
				       .family_name = "PETIT",
				       .profession = "secrétaire médicale",
				       .organization = "Accueil"};

static const struct hc_person bare = {.id = 10, .login = "robot"};

#define PROFESSIONAL_HEAD "\"Secteur_Activite\":\"\",\"SubjectOrganization\":\""
#define PROFESSIONAL_TAIL                                                                             \
	"\",\"SubjectOrganizationID\":\"\",\"Palier_Authentification\":\"\",\"authMode\":\"\","       \
	"\"UITVersion\":\"1.0\",\"PSI_Locale\":\"1.2.250.1.213.1.3.1.1\",\"Mode_Acces_Raison\":\"\"," \
	"\"Acces_Regulation_Medicale\":\"FAUX\""

static void the_scopes_of_others_tell_nothing(void **state)
{
	static const char *const scopes[] = {"",
					     "openid",
					     "openid email address phone",
					     "openid scope_1",
					     "openid scope_all2",
					     "openid profiles Profile SCOPE_ALL"};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(scopes); i++) {
		assert_string_equal(claims_of(&doctor, scopes[i], HC_CLIENT_OIDC), "{}");
		assert_string_equal(claims_of(&doctor, scopes[i], HC_CLIENT_PSC), "{}");
	}
}

static void profile_tells_names_and_nothing_professional(void **state)
{
	(void)state;
	assert_string_equal(claims_of(&doctor, "openid profile", HC_CLIENT_OIDC),
			    "{\"given_name\":\"Élise\",\"family_name\":\"MARTIN\",\"name\":\"Élise MARTIN\","
			    "\"preferred_username\":\"martin\"}");
	assert_string_equal(claims_of(&bare, "profile", HC_CLIENT_OIDC),
			    "{\"preferred_username\":\"robot\"}");
}

static void a_doctor_with_an_rpps_reads_as_at_pro_sante_connect(void **state)
{
	(void)state;
	assert_string_equal(
		claims_of(&doctor, "openid scope_all", HC_CLIENT_PSC),
		"{\"given_name\":\"Élise\",\"family_name\":\"MARTIN\",\"name\":\"Élise MARTIN\","
		"\"preferred_username\":\"899700218896\",\"SubjectNameID\":\"899700218896\","
		"\"email_verified\":false,\"SubjectRole\":[\"10^1.2.250.1.213.1.1.5.5\"]," PROFESSIONAL_HEAD
		"Hôpital générique" PROFESSIONAL_TAIL
		",\"otherIds\":[{\"identifiant\":\"899700218896\",\"origine\":\"RPPS\",\"qualite\":1}],"
		"\"SubjectRefPro\":{\"codeCivilite\":\"\",\"exercices\":[{\"codeProfession\":\"10\","
		"\"codeCategorieProfessionnelle\":\"\",\"codeCiviliteDexercice\":\"\","
		"\"nomDexercice\":\"MARTIN\",\"prenomDexercice\":\"Élise\",\"codeTypeSavoirFaire\":\"\","
		"\"codeSavoirFaire\":\"\",\"activities\":[{\"codeModeExercice\":\"\","
		"\"codeSecteurDactivite\":\"\",\"codeSectionPharmacien\":\"\",\"codeRole\":\"\","
		"\"codeGenreActivite\":\"\",\"numeroSiretSite\":\"\",\"numeroSirenSite\":\"\","
		"\"numeroFinessSite\":\"\",\"numeroFinessetablissementJuridique\":\"\","
		"\"identifiantTechniqueDeLaStructure\":\"\",\"raisonSocialeSite\":\"Hôpital générique\","
		"\"enseigneCommercialeSite\":\"\",\"complementDestinataire\":\"\","
		"\"complementPointGeographique\":\"\",\"numeroVoie\":\"\",\"indiceRepetitionVoie\":\"\","
		"\"codeTypeDeVoie\":\"\",\"libelleVoie\":\"\",\"mentionDistribution\":\"\","
		"\"bureauCedex\":\"\",\"codePostal\":\"\",\"codeCommune\":\"\",\"codePays\":\"\","
		"\"telephone\":\"\",\"telephone2\":\"\",\"telecopie\":\"\",\"adresseEMail\":\"\","
		"\"codeDepartement\":\"\",\"ancienIdentifiantDeLaStructure\":\"\","
		"\"autoriteDenregistrement\":\"\"}]}]}}");
}

static void a_nurse_without_an_rpps_has_her_identifier_and_no_other(void **state)
{
	(void)state;
	assert_string_equal(
		claims_of(&nurse, "openid scope_all", HC_CLIENT_PSC),
		"{\"given_name\":\"Paul\",\"family_name\":\"DURAND\",\"name\":\"Paul DURAND\","
		"\"preferred_username\":\"3310000001/0042\",\"SubjectNameID\":\"3310000001/0042\","
		"\"email_verified\":false,\"SubjectRole\":[\"60^1.2.250.1.213.1.1.5.5\"]," PROFESSIONAL_HEAD
			PROFESSIONAL_TAIL
		",\"SubjectRefPro\":{\"codeCivilite\":\"\",\"exercices\":[{\"codeProfession\":\"60\","
		"\"codeCategorieProfessionnelle\":\"\",\"codeCiviliteDexercice\":\"\","
		"\"nomDexercice\":\"DURAND\",\"prenomDexercice\":\"Paul\",\"codeTypeSavoirFaire\":\"\","
		"\"codeSavoirFaire\":\"\",\"activities\":[]}]}}");
}

static void somebody_without_an_identifier_gets_none(void **state)
{
	(void)state;
	assert_string_equal(claims_of(&clerk, "openid scope_all", HC_CLIENT_PSC),
			    "{\"given_name\":\"Anne\",\"family_name\":\"PETIT\",\"name\":\"Anne PETIT\","
			    "\"email_verified\":false," PROFESSIONAL_HEAD "Accueil" PROFESSIONAL_TAIL
			    ",\"SubjectRefPro\":{\"codeCivilite\":\"\",\"exercices\":[]}}");
	/* The login stands nowhere in what an application of that profile reads. */
	assert_null(strstr(claims_of(&bare, "openid profile scope_all", HC_CLIENT_PSC), "robot"));
}

static void the_profile_decides_what_the_user_name_is(void **state)
{
	(void)state;
	assert_non_null(strstr(claims_of(&doctor, "openid scope_all", HC_CLIENT_OIDC),
			       "\"preferred_username\":\"martin\",\"SubjectNameID\":\"899700218896\""));
	assert_non_null(strstr(claims_of(&doctor, "openid profile", HC_CLIENT_PSC),
			       "\"preferred_username\":\"899700218896\""));
}

static void no_way_of_signing_in_is_claimed_that_did_not_happen(void **state)
{
	const char *text = claims_of(&doctor, "openid profile scope_all", HC_CLIENT_PSC);

	(void)state;
	assert_null(strstr(text, "CARD"));
	assert_null(strstr(text, "APPPRIP"));
	assert_null(strstr(text, "eidas"));
}

static void an_rpps_number_has_twelve_digits_and_its_check_digit(void **state)
{
	static const struct {
		const char *text;
		bool is_rpps;
	} cases[] = {
		{"899700218896", true},	      {"899900063480", true},
		{"810001033801", true},	      {"899700218897", false},
		{"99700218896", false},	      {"099700218896", false},
		{"8997002188960", false},     {"", false},
		{"ANS20210107161422", false}, {"3310000001/0042", false},
		{"8A9700218896", false},      {"89970021889/", false},
	};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(cases); i++) {
		if (hc_claims_is_rpps(cases[i].text) != cases[i].is_rpps)
			fail_msg("row %zu: %s", i, cases[i].text);
	}
}

static void a_profession_is_a_code_of_the_nomenclature(void **state)
{
	static const char *const codes[] = {"10", "21", "26", "40", "50", "60", "69", "70", "98"};
	static const char *const others[] = {"", "1", "100", "11", "médecin", "10 ", "10^", "00", "99"};

	(void)state;
	for (size_t i = 0; i < HC_COUNT(codes); i++)
		assert_true(hc_claims_is_profession(codes[i]));
	for (size_t i = 0; i < HC_COUNT(others); i++)
		assert_false(hc_claims_is_profession(others[i]));
}

static void the_longest_record_fits(void **state)
{
	struct hc_person person = {.id = 1, .login = "x", .national_id = "899700218896", .profession = "10"};
	char text[8192]; /* what userinfo has */
	struct hc_scope_text scopes = {"openid profile scope_all"};
	struct hc_json_out out;
	size_t len = 0;

	(void)state;
	memset(person.given_name, '"', sizeof(person.given_name) - 1);
	memset(person.family_name, '\\', sizeof(person.family_name) - 1);
	memset(person.organization, '"', sizeof(person.organization) - 1);
	memset(person.login, 'x', sizeof(person.login) - 1);
	hc_json_start(&out, text, sizeof(text));
	hc_json_object(&out, NULL);
	hc_json_text(&out, "sub", "0123456789012345678901234567890123456789012");
	hc_claims_write(&out, &person, &scopes, HC_CLIENT_PSC);
	hc_json_object_end(&out);
	assert_int_equal(hc_json_end(&out, &len), HC_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_scopes_of_others_tell_nothing),
		cmocka_unit_test(profile_tells_names_and_nothing_professional),
		cmocka_unit_test(a_doctor_with_an_rpps_reads_as_at_pro_sante_connect),
		cmocka_unit_test(a_nurse_without_an_rpps_has_her_identifier_and_no_other),
		cmocka_unit_test(somebody_without_an_identifier_gets_none),
		cmocka_unit_test(the_profile_decides_what_the_user_name_is),
		cmocka_unit_test(no_way_of_signing_in_is_claimed_that_did_not_happen),
		cmocka_unit_test(an_rpps_number_has_twelve_digits_and_its_check_digit),
		cmocka_unit_test(a_profession_is_a_code_of_the_nomenclature),
		cmocka_unit_test(the_longest_record_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
