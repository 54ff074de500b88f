/*
 * What is found, in words. French stands beside English, because half of the catalogue's places
 * speak it; every other language gets English.
 */
#include "base/annotate.h"
#include "financing/eligibility.h"

struct words {
    const char *english, *french;
};

static const char *const CRITERIA[CRITERION_COUNT] = {
    "open",       "country", "city",   "target_groups", "age",    "gender",    "residence_status",
    "legal_form", "stage",   "sector", "purpose",       "amount", "languages", "legal_basis"};

static const struct words QUESTIONS[CRITERION_COUNT] = {
    [CRITERION_OPEN] = {"", ""},
    [CRITERION_COUNTRY] = {"In which country will you work?", "Dans quel pays travaillerez-vous ?"},
    [CRITERION_CITY] = {"In which city or town will you work?",
                        "Dans quelle ville travaillerez-vous ?"},
    [CRITERION_TARGET_GROUPS] = {"Which of these groups do you belong to?",
                                 "Desquels de ces groupes faites-vous partie ?"},
    [CRITERION_AGE] = {"How old are you?", "Quel âge avez-vous ?"},
    [CRITERION_GENDER] = {"What is your gender? Only some offers depend on it.",
                          "Quel est votre genre ? Peu d'offres en dépendent."},
    [CRITERION_RESIDENCE_STATUS] = {"Which right to stay do you have? Only if you want to tell.",
                                    "Quel est votre droit de séjour ? Seulement si vous voulez le "
                                    "dire."},
    [CRITERION_LEGAL_FORM] = {"Which legal form has your enterprise, or has it none yet?",
                              "Quelle est la forme juridique de l'entreprise, si elle en a une ?"},
    [CRITERION_STAGE] = {"How far is your enterprise?", "Où en est votre entreprise ?"},
    [CRITERION_SECTOR] = {"In which sector will you work?",
                          "Dans quel secteur travaillerez-vous ?"},
    [CRITERION_PURPOSE] = {"What is the money or help for?", "À quoi servira l'argent ou l'aide ?"},
    [CRITERION_AMOUNT] = {"How much do you need?", "De combien avez-vous besoin ?"},
    [CRITERION_LANGUAGES] = {"Which languages do you speak?", "Quelles langues parlez-vous ?"},
    [CRITERION_LEGAL_BASIS] = {"In which country will you work?",
                               "Dans quel pays travaillerez-vous ?"},
};

static const struct {
    const char *name;
    struct words words;
} REASONS[REASON_COUNT] = {
    [REASON_NONE] = {"none", {"", ""}},
    [REASON_MET] = {"met", {"You fulfil this condition.", "Vous remplissez cette condition."}},
    [REASON_NOT_MET] = {"not_met",
                        {"The offer is for others.", "L'offre s'adresse à d'autres personnes."}},
    [REASON_NOT_TOLD] = {"not_told",
                         {"The offer has a condition here, and you have not told this.",
                          "L'offre pose une condition, et vous ne l'avez pas précisé."}},
    [REASON_NOT_STATED] = {"not_stated",
                           {"The offer does not state this; ask its provider.",
                            "L'offre ne le précise pas ; demandez à l'organisme."}},
    [REASON_OPEN_TO_ALL] = {"open_to_all",
                            {"The offer says that it is open to all here.",
                             "L'offre se dit ouverte à toutes et à tous sur ce point."}},
    [REASON_OPENS_LATER] = {"opens_later",
                            {"You can apply later.", "Vous pourrez déposer une demande plus "
                                                     "tard."}},
    [REASON_CLOSED_RECURS] = {"closed_recurs",
                              {"It is closed now and comes again.",
                               "Elle est close et sera ouverte de nouveau."}},
    [REASON_CITY_NOT_KNOWN] = {"city_not_known",
                               {"It is in a city of another name; whether it is another city is "
                                "not known here.",
                                "Elle vaut dans une ville d'un autre nom ; on ignore ici si c'est "
                                "une autre ville."}},
    [REASON_CITY_NEARBY] = {"city_nearby",
                            {"It is in a place nearby, or in this one under another name; ask its "
                             "provider.",
                             "Elle vaut dans un lieu proche, ou ici sous un autre nom ; demandez à "
                             "l'organisme."}},
    [REASON_TO_BE_FOUNDED] =
        {"to_be_founded",
         {"The enterprise would first have to be founded in one of these legal "
          "forms.",
          "L'entreprise devrait d'abord être créée sous une de ces formes."}},
    [REASON_BELOW_MINIMUM] = {"below_minimum",
                              {"The smallest sum on offer is more than you need.",
                               "La plus petite somme dépasse votre besoin."}},
    [REASON_ABOVE_MAXIMUM] = {"above_maximum",
                              {"It could pay for a part only.",
                               "Elle ne pourrait couvrir qu'une partie."}},
    [REASON_NO_MAXIMUM] = {"no_maximum",
                           {"The largest sum is not stated.", "La somme maximale n'est pas "
                                                              "précisée."}},
    [REASON_NO_RATE] = {"no_rate",
                        {"There is no exchange rate to compare the sums with.",
                         "Il manque un taux de change pour comparer les sommes."}},
    [REASON_LAW_ELSEWHERE] = {"law_elsewhere",
                              {"The law it rests on does not hold in your country.",
                               "La loi qui la fonde ne vaut pas dans votre pays."}},
    [REASON_LAW_HOLDS] = {"law_holds",
                          {"The law it rests on holds in your country.",
                           "La loi qui la fonde vaut dans votre pays."}},
    [REASON_LAW_REACH_UNKNOWN] = {"law_reach_unknown",
                                  {"Whether your country has taken over the law it rests on is not "
                                   "known here.",
                                   "On ignore ici si votre pays a transposé la règle qui la "
                                   "fonde."}},
    [REASON_IN_WORDS] = {"in_words",
                         {"The offer states this in words; read them.",
                          "L'offre le précise en toutes lettres ; lisez-les."}},
};

const char *criterion_name(enum criterion criterion)
{
    return CRITERIA[criterion];
}

const char *verdict_name(enum verdict verdict)
{
    static const char *const NAMES[] = {"no", "unknown", "yes"};

    return NAMES[verdict];
}

const char *reason_name(enum reason reason)
{
    return REASONS[reason].name;
}

const char *reason_words(enum criterion criterion, enum reason reason, bool in_french)
{
    static const struct words OPEN = {"One can apply now.", "On peut déposer une demande."};
    const struct words *words = &REASONS[reason].words;

    if (criterion == CRITERION_OPEN && reason == REASON_MET)
        words = &OPEN;
    return in_french ? words->french : words->english;
}

const char *criterion_question(enum criterion criterion, bool in_french)
{
    return in_french ? QUESTIONS[criterion].french : QUESTIONS[criterion].english;
}
