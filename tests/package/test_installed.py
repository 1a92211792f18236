#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: what an administrator gets from the packages on a bare Debian 12 (tests/package/installed.sh runs this there):
 * an older version of broker and gateway in use; the upgrade while somebody signs in; persons, keys, applications and
   sessions are kept, the stores are of the new schema, the services are restarted by the scripts of the packages
 * units that systemd understands, started under their users with their sockets; doctor says what is left to do
 * ssh with password and code; the gateway on the loopback, at port 443 too, without a capability; an application
 * the day of two people with a phone, a token, a key, a card and codes on paper (installed_day.py)
 * the profiles of pam-auth-update, together and apart, beside sss, faillock, Kerberos, the GNOME keyring and pam_mount; root
   at the console; snippets for single services; the module taken away
 * remove keeps the stores, purge leaves nothing; on the bare machine doctor's proposals are followed word by word
The cases build on each other, in their order (machine.py).
"""
import sys

import installed_others as others
import installed_packages as packages
import installed_services as services
import installed_signin as signin
import installed_day as day
from machine import walk

CASES = [packages.an_older_version_is_installed_and_used, packages.an_upgrade_while_somebody_signs_in,
         packages.the_upgrade_keeps_everything, packages.the_module_needs_libpam_and_libc_alone,
         packages.every_unit_is_understood, services.everything_starts_and_doctor_says_what_is_left,
         services.the_gateway_answers_on_the_loopback_alone, services.the_gateway_binds_a_low_port_and_keeps_no_capability,
         services.an_application_signs_people_in, signin.before_a_profile_is_selected_nothing_has_changed,
         signin.the_code_profile_asks_behind_the_password, day.a_code_is_good_for_once, day.a_token_of_counters_signs_in,
         signin.root_at_the_console_needs_nothing_of_ours, signin.both_profiles_take_a_key_or_password_and_code,
         day.a_key_says_who_is_there, day.a_card_says_who_is_there, day.the_application_goes_on_until_somebody_ends_it,
         day.without_the_broker_the_gateway_says_so, day.what_was_revoked_or_has_run_out_opens_nothing,
         signin.the_account_is_asked_before_others_end_the_stack,
         signin.the_key_profile_alone_is_no_second_factor_and_doctor_says_so, signin.faillock_counts_passwords_beside_us,
         others.the_keyring_opens_with_the_password_and_stays_shut_behind_a_key, others.sss_is_right_together_and_apart,
         others.kerberos_is_a_password_among_others, others.volumes_are_mounted_behind_the_code,
         signin.the_examples_hold_for_one_service_each,
         packages.without_the_module_the_stacks_are_as_before, packages.removal_keeps_the_stores,
         packages.what_was_removed_comes_back_with_its_stores, packages.purging_leaves_nothing,
         services.doctor_leads_through_the_first_hour, services.the_packages_own_test_passes,
         packages.purging_in_the_other_order_leaves_nothing]

if __name__ == "__main__":
    sys.exit(walk(CASES))
