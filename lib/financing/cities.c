/*
 * The table: cities of the founding catalogue, and large ones of Europe, under the names that
 * people who come there use. A name that is another city's, too (Vienne, Mons, Valence), is not in
 * it.
 */
#include "financing/cities.h"

#include "base/annotate.h"

#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define NAME_BYTES_MAX 512
#define NAMES_MAX 7

/* Folded; the first stands for all. */
static const char *const KNOWN[][NAMES_MAX] = {
    {"aachen", "aix la chapelle", "aken"},
    {"aarhus", "arhus"},
    {"antwerp", "antwerpen", "anvers", "amberes", "anversa"},
    {"athens", "athina", "Αθήνα", "athen", "athenes", "atene", "atenas"},
    {"barcelona", "barcelone", "barcellona"},
    {"basel", "bale", "basle", "basilea"},
    {"berlin", "berlino"},
    {"bern", "berne", "berna"},
    {"bilbao", "bilbo"},
    {"bruges", "brugge"},
    {"brussels", "bruxelles", "brussel", "bruselas", "bruxelas", "brussels capital region",
     "bruxelles capitale"},
    {"bucharest", "bucuresti", "bucarest", "bukarest"},
    {"cologne", "koln", "koeln", "colonia"},
    {"copenhagen", "kobenhavn", "copenhague", "kopenhagen"},
    {"florence", "firenze", "florenz", "florencia"},
    {"frankfurt am main", "frankfurt", "francfort", "francoforte"},
    {"geneva", "geneve", "genf", "ginevra", "ginebra"},
    {"genoa", "genova", "genes", "genua"},
    {"ghent", "gent", "gand", "gante"},
    {"gothenburg", "goteborg"},
    {"hamburg", "hambourg", "amburgo"},
    {"helsinki", "helsingfors"},
    {"ieper", "ypres"},
    {"kortrijk", "courtrai"},
    {"krakow", "cracow", "cracovie", "krakau", "cracovia"},
    {"kyiv", "kiev", "Київ"},
    {"leipzig", "lipsia"},
    {"leuven", "louvain", "lowen"},
    {"liege", "luik", "luttich", "luettich", "lieja"},
    {"lille", "rijsel"},
    {"lisbon", "lisboa", "lisbonne", "lissabon", "lisbona"},
    {"lviv", "lwow", "Львів"},
    {"lyon", "lione"},
    {"maastricht", "maestricht"},
    {"marseille", "marseilles", "marsiglia", "marsella"},
    {"mechelen", "malines"},
    {"milan", "milano", "mailand"},
    {"munich", "munchen", "muenchen", "monaco di baviera"},
    {"namur", "namen"},
    {"naples", "napoli", "neapel", "napoles"},
    {"nice", "nizza"},
    {"nicosia", "lefkosia", "Λευκωσία"},
    {"nuremberg", "nurnberg", "nuernberg"},
    {"pamplona", "iruna"},
    {"paris", "parigi", "parijs"},
    {"porto", "oporto"},
    {"prague", "praha", "prag", "praga"},
    {"rome", "roma", "rom"},
    {"rouen", "ruan"},
    {"san sebastian", "donostia", "donostia san sebastian"},
    {"seville", "sevilla", "siviglia"},
    {"sofia", "sofiya", "София"},
    {"stockholm", "estocolmo"},
    {"strasbourg", "strassburg", "strasburg", "straatsburg", "strasburgo"},
    {"the hague", "den haag", "s gravenhage", "la haye"},
    {"thessaloniki", "salonica", "Θεσσαλονίκη"},
    {"tournai", "doornik"},
    {"trier", "treves"},
    {"turin", "torino"},
    {"turku", "abo"},
    {"venice", "venezia", "venise", "venedig"},
    {"vienna", "wien", "viena"},
    {"warsaw", "warszawa", "varsovie", "warschau", "varsovia"},
    {"wroclaw", "breslau"},
    {"zurich", "zuerich", "zurigo"},
};

/* The letters of U+00C0 to U+017F without their marks; a space where there is none to take. */
static const char BARE[] = "AAAAAAACEEEEIIIIDNOOOOO OUUUUYTsaaaaaaaceeeeiiiidnooooo ouuuuyty"
                           "AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIiIiJjKkkLlLlLlLlLl"
                           "NnNnNnnNnOoOoOoOoRrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzs";

/* Letters and digits, in small letters without marks; what is between them becomes one space. */
static void fold(const char *name, char *folded, size_t size)
{
    const unsigned char *at = (const unsigned char *)name;
    size_t length = 0;

    for (; *at != '\0' && length + 2 < size; at++) {
        unsigned char c = *at;

        if ((c & 0xFC) == 0xC4 || c == 0xC3 || c == 0xC5) {
            const unsigned code = ((c & 0x1Fu) << 6 | (at[1] & 0x3Fu));

            if (code >= 0xC0 && code - 0xC0 < sizeof(BARE) - 1) {
                c = (unsigned char)BARE[code - 0xC0];
                at++;
            }
        }
        if (c >= 'A' && c <= 'Z')
            c = (unsigned char)(c - 'A' + 'a');
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80)
            folded[length++] = (char)c;
        else if (length > 0 && folded[length - 1] != ' ')
            folded[length++] = ' ';
    }
    while (length > 0 && folded[length - 1] == ' ')
        length--;
    folded[length] = '\0';
}

/* The name that stands for all of a city's. */
static const char *known_as(const char *folded)
{
    for (size_t i = 0; i < ARRAY_LENGTH(KNOWN); i++)
        for (size_t j = 0; j < NAMES_MAX && KNOWN[i][j] != NULL; j++)
            if (strcmp(KNOWN[i][j], folded) == 0)
                return KNOWN[i][0];
    return folded;
}

uint64_t city_of(const char *name)
{
    char folded[NAME_BYTES_MAX];
    const char *known;
    unsigned char hash[crypto_generichash_BYTES_MIN];
    uint64_t city;

    fold(name, folded, sizeof(folded));
    known = known_as(folded);
    (void)crypto_generichash(hash, sizeof(hash), (const unsigned char *)known, strlen(known), NULL,
                             0);
    memcpy(&city, hash, sizeof(city));
    return city == 0 ? 1 : city;
}
