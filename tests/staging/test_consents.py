"""Who said yes or no, by what the raw tables of the CRM and of the mail tool hold."""

from __future__ import annotations

from tests.staging.conftest import Project

SYNCED = "2026-06-30 23:00:00"


def test_the_crm_denies_and_a_text_message_speaks_for_its_number(project: Project) -> None:
    contact = {"property_createdate": "2026-01-01", "_fivetran_deleted": "false", "_fivetran_synced": SYNCED}
    said = contact | {"property_hs_email_optout": "true"}
    event = {"datetime": "2026-06-01", "_fivetran_deleted": "false", "_fivetran_synced": SYNCED}
    metrics = {"M1": "Unsubscribed", "M2": "Unsubscribed from SMS Marketing", "M3": "Placed Order"}
    persons: dict[str, dict[str, str]] = {
        "K1": {"email": "anna@example.com", "phone_number": "+491701234567"},
        "K2": {"email": "bea@example.com"},
        "K3": {},
    }
    happened = {"E1": ("K1", "M1"), "E2": ("K1", "M2"), "E3": ("K2", "M2"), "E4": ("K3", "M2"), "E5": ("K1", "M3")}
    project.write(
        {
            "hubspot/contact": [
                said | {"id": "1", "property_email": "Anna@Example.com ", "_fivetran_deleted": "true"},
                said | {"id": "2", "property_email": "anna@example.com", "property_lastmodifieddate": "2026-03-01"},
                contact | {"id": "3", "property_email": "bea@example.com", "property_hs_email_optout": "false"},
                contact | {"id": "4", "property_email": "cid@example.com"},
                said | {"id": "5"},
            ],
            "klaviyo/person": [{"id": key, "_fivetran_synced": SYNCED, **person} for key, person in persons.items()],
            "klaviyo/metric": [{"id": key, "name": name, "_fivetran_synced": SYNCED} for key, name in metrics.items()],
            "klaviyo/event": [
                event | {"id": key, "person_id": person, "metric_id": metric}
                for key, (person, metric) in happened.items()
            ],
        }
    )
    ran = project.dbt(
        *("build", "--resource-type", "model", "--resource-type", "seed"),
        *("--select", "+consents", "+stg_klaviyo__engagements"),
    )
    assert ran.returncode == 0, ran.stdout

    # A box that is ticked counts on a deleted contact too, once for an address; one that is not says nothing.
    assert project.query(
        "select identifier_type, identifier_value, purpose, status, cast(occurred_at as date)::varchar from consents "
        "where source = 'hubspot' order by all"
    ) == [
        ("email", "anna@example.com", "email_marketing", "denied", "2026-03-01"),
        ("hubspot_id", "5", "email_marketing", "denied", "2026-01-01"),
    ]
    assert project.query(
        "select engagement_id, event_name, identifier_type, identifier_value from stg_klaviyo__engagements "
        "where event_name is not null order by all"
    ) == [
        ("E1", "email_unsubscribed", "email", "anna@example.com"),
        ("E2", "sms_unsubscribed", "phone", "+491701234567"),
        ("E3", "sms_unsubscribed", "email", "bea@example.com"),
        ("E4", "sms_unsubscribed", "klaviyo_id", "K3"),
    ]
